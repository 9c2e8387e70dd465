"""Leaving a sequence: whoever leaves has nothing due any more, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, select, update

from worker.domain.due_step import STOP_IF
from worker.store.engine import Connection
from worker.store.followups.due import IS_DUE
from worker.store.tables import deliveries, due_steps, enrollments

_CHUNK = 500


def leave_by_rule(connection: Connection, mailing_id: int, delivery_ids: Sequence[int], now: datetime) -> None:
    """A step's `stop_if` held just before its call: these readers leave the sequence."""
    for start in range(0, len(delivery_ids), _CHUNK):
        part = delivery_ids[start : start + _CHUNK]
        theirs = (
            select(due_steps.c.enrollment_id)
            .join(deliveries, deliveries.c.subscriber_id == due_steps.c.subscriber_id)
            .where(due_steps.c.mailing_id == mailing_id, deliveries.c.id.in_(part))
        )
        leave(connection, theirs, STOP_IF, now)


def leave(connection: Connection, enrollment_ids: Select[tuple[int]], why: str, now: datetime) -> None:
    """Stop these enrollments where they are active, and skip what is due of them."""
    chosen = connection.execute(enrollment_ids).scalars().all()
    connection.execute(
        update(due_steps)
        .where(IS_DUE, due_steps.c.enrollment_id.in_(chosen))
        .values(state="skipped", reason=why, decided_at=now)
    )
    connection.execute(
        update(enrollments)
        .where(enrollments.c.id.in_(chosen), enrollments.c.status == "active")
        .values(status="stopped", reason=why, ended_at=now)
    )
