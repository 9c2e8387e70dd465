"""How a run stands, in numbers. Looks at all of a run's rows: for a person who asks, not for the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from worker.store.engine import Connection
from worker.store.tables import due_steps, enrollments, triggers


@dataclass(slots=True)
class StepCounts:
    """One step of a run: how many readers it is due to next, was planned for, and was skipped for, by reason.

    `put_off` are among the due. `next_at`: when it is due next.
    """

    due: int = 0
    planned: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    put_off: dict[str, int] = field(default_factory=dict)
    next_at: datetime | None = None


@dataclass(slots=True)
class RunCounts:
    """A run: its readers by status, those stopped by reason, and its steps."""

    enrolled: dict[str, int] = field(default_factory=dict)
    stopped: dict[str, int] = field(default_factory=dict)
    steps: dict[str, StepCounts] = field(default_factory=dict)


def count_run(connection: Connection, run_id: int) -> RunCounts:
    """Count one run."""
    found = RunCounts()
    by_status = (
        select(enrollments.c.status, enrollments.c.reason, func.count())
        .where(enrollments.c.run_id == run_id)
        .group_by(enrollments.c.status, enrollments.c.reason)
        .order_by(enrollments.c.status, enrollments.c.reason)
    )
    for status, reason, number in connection.execute(by_status):
        found.enrolled[status] = found.enrolled.get(status, 0) + number
        if status == "stopped":
            found.stopped[reason] = number
    by_state = (
        select(due_steps.c.step_id, due_steps.c.state, due_steps.c.reason, func.count(), func.min(due_steps.c.due_at))
        .where(due_steps.c.run_id == run_id)
        .group_by(due_steps.c.step_id, due_steps.c.state, due_steps.c.reason)
        .order_by(due_steps.c.step_id, due_steps.c.state, due_steps.c.reason)
    )
    for step_id, state, reason, number, first in connection.execute(by_state):
        _add(found.steps.setdefault(step_id, StepCounts()), state, reason, number, first)
    return found


def count_waiting(connection: Connection, event: str) -> int:
    """How many triggers of an event nobody has looked at yet."""
    query = select(func.count()).select_from(triggers).where(triggers.c.event == event)
    return int(connection.execute(query).scalar_one())


def _add(counts: StepCounts, state: str, reason: str, number: int, first: datetime) -> None:
    if state == "planned":
        counts.planned += number
    elif state == "skipped":
        counts.skipped[reason] = number
    else:
        counts.due += number
        counts.next_at = min(filter(None, (counts.next_at, first)))
        if reason:
            counts.put_off[reason] = number
