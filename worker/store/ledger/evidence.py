"""Evidence: proof that one POST was accepted settles its batch, whatever had been thought of it.

Proof is an event that carries the submission's key, or the late answer of a holder whose batch was swept. It moves
a batch of the same generation from `uncertain`, or from `pending` and `claimed` (then nobody has called again yet);
from `submitting` only where the proven call is the one in flight.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, or_, select, update

from worker.domain.delivery import BatchStatus
from worker.store.engine import Connection
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import batches, submissions

_CHUNK = 500
_SETTLES = (BatchStatus.UNCERTAIN, BatchStatus.PENDING, BatchStatus.CLAIMED)


def accept_on_evidence(connection: Connection, submission_keys: Collection[str]) -> list[int]:
    """Move the batches of proven submissions to `submitted`; returns the ids of those moved by this call."""
    moved: list[int] = []
    keys = sorted(set(submission_keys))
    for start in range(0, len(keys), _CHUNK):
        moved += _accept(connection, keys[start : start + _CHUNK])
    return moved


def batches_of(connection: Connection, submission_keys: Collection[str]) -> dict[str, int]:
    """The batch of each submission that exists here, by the submission's key."""
    keys, found = sorted(submission_keys), {}
    for start in range(0, len(keys), _CHUNK):
        query = select(submissions.c.key, submissions.c.batch_id).where(
            submissions.c.key.in_(keys[start : start + _CHUNK])
        )
        found.update({row.key: row.batch_id for row in connection.execute(query)})
    return found


def _accept(connection: Connection, keys: list[str]) -> list[int]:
    proven = (
        select(batches.c.id, batches.c.status, submissions.c.id.label("submission_id"))
        .join(submissions, submissions.c.batch_id == batches.c.id)
        .where(
            submissions.c.key.in_(keys),
            submissions.c.generation == batches.c.generation,
            or_(
                batches.c.status.in_(_SETTLES),
                and_(batches.c.status == BatchStatus.SUBMITTING, submissions.c.token == batches.c.claim_token),
            ),
        )
    )
    moved = []
    for row in connection.execute(proven).all():
        # The status read above is named again: if it changed meanwhile, the row count is 0 and nothing happens.
        done = changed(
            connection,
            update(batches)
            .where(batches.c.id == row.id, batches.c.status == row.status)
            .values(status=BatchStatus.SUBMITTED, claim_token=None, lease_until=None, problem=None),
        )
        if done:
            log_move("batch", row.id, row.status, BatchStatus.SUBMITTED, evidence=row.submission_id)
            moved.append(row.id)
    return moved
