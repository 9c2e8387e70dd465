"""Whether an issue has reached readers whose follow-ups count from it. Looked up for a part of the list at a time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from worker.domain.delivery import BatchStatus, SkipReason
from worker.domain.due_step import Arrival
from worker.store.engine import Connection
from worker.store.rows import among
from worker.store.tables import batches, deliveries

_AHEAD = (BatchStatus.PENDING, BatchStatus.CLAIMED, BatchStatus.SUBMITTING)
_NOT_SENT = (BatchStatus.CANCELLED, BatchStatus.EMPTY, BatchStatus.REFUSED)
_ELSEWHERE = (SkipReason.MERGED, SkipReason.DUPLICATE, SkipReason.SERVED)  # the person has it by another delivery


def arrivals(connection: Connection, mailing_id: int, subscriber_ids: Sequence[int]) -> dict[int, Arrival]:
    """How far a broadcast is with these readers; those without a delivery of their own are left out."""
    query = (
        select(deliveries.c.subscriber_id, batches.c.status, deliveries.c.skipped_reason, deliveries.c.refused_reason)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .where(deliveries.c.mailing_id == mailing_id, among(connection, deliveries.c.subscriber_id, subscriber_ids))
    )
    return {row[0]: _arrival(*row[1:]) for row in connection.execute(query)}


def _arrival(status: str, skipped: str | None, refused: str | None) -> Arrival:
    if skipped in _ELSEWHERE:
        return Arrival.CAME
    if skipped is not None or refused is not None or status in _NOT_SENT:
        return Arrival.NEVER
    return Arrival.AHEAD if status in _AHEAD else Arrival.CAME
