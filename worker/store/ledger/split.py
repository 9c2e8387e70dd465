"""Splitting: a batch SendGrid would not take as a whole becomes two children, in one transaction; the parent is terminal.

So a bad row that the answer did not name is found by halving, and costs the others nothing. A batch of one row
cannot be split: that row is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select, update

from worker.domain.delivery import BatchStatus, StartedBatch
from worker.store.engine import Connection
from worker.store.ledger.contradiction import contradict_by_answer, proven_before
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.settle import refuse_deliveries, settle_refused, write_answer
from worker.store.tables import batches, deliveries


def split_batch(
    connection: Connection, started: StartedBatch, now: datetime, *, problem: str, status_code: int
) -> bool:
    """Split a started batch after a 413 or a 400 that named nothing. False where it is no longer this claim's."""
    batch = started.batch
    owed = (
        select(deliveries.c.id)
        .where(
            deliveries.c.batch_id == batch.id,
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .order_by(deliveries.c.id)
    )
    ids = list(connection.execute(owed).scalars())
    if len(ids) == 1:
        settled = settle_refused(connection, started, now, problem=problem, status_code=status_code)
        if settled:
            refuse_deliveries(connection, batch.id, {ids[0]: problem})
        return settled
    write_answer(connection, started, "refused", now, detail=problem, status_code=status_code)
    done = changed(
        connection,
        update(batches)
        .where(
            batches.c.id == batch.id,
            batches.c.status.in_((BatchStatus.SUBMITTING, BatchStatus.UNCERTAIN)),
            batches.c.claim_token == batch.token,
            batches.c.generation == batch.generation,
        )
        .values(status=BatchStatus.SPLIT, claim_token=None, lease_until=None, problem=problem),
    )
    if done != 1:
        contradict_by_answer(connection, started.submission_id)
        return False
    half = len(ids) // 2
    for part in (ids[:half], ids[half:]):
        _child(connection, started, part)
    if proven := proven_before(connection, batch.id):
        accept_on_evidence(connection, proven)
    return True


def _child(connection: Connection, started: StartedBatch, ids: Sequence[int]) -> None:
    batch = started.batch
    child: int = connection.execute(
        insert(batches)
        .values(
            mailing_id=batch.mailing_id,
            edition_id=batch.edition_id,
            parent_id=batch.id,
            status=BatchStatus.PENDING,
            generation=batch.generation,
            made_after=started.submission_id,
        )
        .returning(batches.c.id)
    ).scalar_one()
    changed(
        connection,
        update(deliveries)
        .where(deliveries.c.batch_id == batch.id, deliveries.c.id.between(ids[0], ids[-1]))
        .where(deliveries.c.skipped_reason.is_(None), deliveries.c.refused_reason.is_(None))
        .values(batch_id=child),
    )
    log_move("batch", child, "none", BatchStatus.PENDING, parent=batch.id)
