"""Cutting a claimed batch to what may go now: its first deliveries stay, the others become a pending batch of their own.

A warm-up's day may hold fewer messages than a batch. Nothing has been called for yet, so nothing is settled here.
"""

from __future__ import annotations

from sqlalchemy import func, insert, literal, select, update

from worker.domain.delivery import BatchStatus, ClaimedBatch
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import batches, deliveries, submissions


def cut_claim(connection: Connection, batch: ClaimedBatch, last_kept: int) -> bool:
    """Keep the deliveries up to the id `last_kept`. False where the batch is no longer this claim's; nothing is moved then."""
    owned = (
        select(
            batches.c.mailing_id,
            batches.c.edition_id,
            batches.c.id,
            literal(BatchStatus.PENDING.value),
            batches.c.generation,
            select(func.max(submissions.c.id)).where(submissions.c.batch_id == batch.id).scalar_subquery(),
        )
        .where(batches.c.id == batch.id, batches.c.status == BatchStatus.CLAIMED)
        .where(batches.c.claim_token == batch.token, batches.c.lease_until > DatabaseNow())
    )
    columns = ["mailing_id", "edition_id", "parent_id", "status", "generation", "made_after"]
    rest = connection.execute(insert(batches).from_select(columns, owned).returning(batches.c.id)).scalar_one_or_none()
    if rest is None:
        return False
    changed(
        connection,
        update(deliveries).where(deliveries.c.batch_id == batch.id, deliveries.c.id > last_kept).values(batch_id=rest),
    )
    log_move("batch", rest, "none", BatchStatus.PENDING, cut_from=batch.id)
    return True
