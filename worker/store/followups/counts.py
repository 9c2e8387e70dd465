"""How a run stands, in numbers. Looks at all of a run's rows: for a person who asks, not for the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select

from worker.domain.delivery import DeliveryState
from worker.domain.mailing import MailingStatus
from worker.store.engine import Connection
from worker.store.ledger.counts import STATE
from worker.store.tables import addressees, batches, deliveries, due_steps, enrollments, exclusions, mailings, triggers

_ON_THE_WAY = frozenset({DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.SUBMITTING})


@dataclass(slots=True)
class StepCounts:
    """One step of a run, in readers: whom it is due to next, whom it was mailed to (accepted by SendGrid), and whom it was
    not, by reason, whether that was decided when it fell due or by the ledger afterwards.

    `put_off` are among the due. `next_at`: when it is due next. `uncertain`: sent, perhaps.
    """

    due: int = 0
    on_its_way: int = 0
    mailed: int = 0
    uncertain: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    put_off: dict[str, int] = field(default_factory=dict)
    next_at: datetime | None = None

    def skip(self, reason: str, number: int) -> None:
        """So many more were not mailed, for this reason."""
        self.skipped[reason] = self.skipped.get(reason, 0) + number


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
    _add_from_ledger(connection, run_id, found.steps)
    return found


def count_waiting(connection: Connection, event: str) -> int:
    """How many triggers of an event nobody has looked at yet."""
    query = select(func.count()).select_from(triggers).where(triggers.c.event == event)
    return int(connection.execute(query).scalar_one())


def _add(counts: StepCounts, state: str, reason: str, number: int, first: datetime) -> None:
    if state == "skipped":
        counts.skip(reason, number)
    elif state == "due":
        counts.due += number
        counts.next_at = min(filter(None, (counts.next_at, first)))
        if reason:
            counts.put_off[reason] = number


def _add_from_ledger(connection: Connection, run_id: int, steps: dict[str, StepCounts]) -> None:
    """What became of those for whom a step was made a mailing."""
    ours = mailings.c.run_id == run_id
    handed_over = (
        select(mailings.c.step_id, STATE, deliveries.c.skipped_reason, func.count())
        .join(deliveries, deliveries.c.mailing_id == mailings.c.id)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .where(ours)
        .group_by(mailings.c.step_id, STATE, deliveries.c.skipped_reason)
    )
    for step_id, state, reason, number in connection.execute(handed_over):
        _add_delivered(steps.setdefault(step_id, StepCounts()), DeliveryState(state), reason, number)
    left_out = (
        select(mailings.c.step_id, exclusions.c.reason, func.count())
        .join(exclusions, exclusions.c.mailing_id == mailings.c.id)
        .where(ours)
        .group_by(mailings.c.step_id, exclusions.c.reason)
    )
    for step_id, reason, number in connection.execute(left_out):
        steps.setdefault(step_id, StepCounts()).skip(reason, number)
    not_planned = (
        select(mailings.c.step_id, mailings.c.status, func.count())
        .join(addressees, addressees.c.mailing_id == mailings.c.id)
        .where(ours, mailings.c.planned_at.is_(None))
        .group_by(mailings.c.step_id, mailings.c.status)
    )
    for step_id, status, number in connection.execute(not_planned):
        counts = steps.setdefault(step_id, StepCounts())
        if status == MailingStatus.CANCELLED:
            counts.skip(MailingStatus.CANCELLED.value, number)
        else:
            counts.on_its_way += number


def _add_delivered(counts: StepCounts, state: DeliveryState, reason: str | None, number: int) -> None:
    if state is DeliveryState.SUBMITTED:
        counts.mailed += number
    elif state is DeliveryState.UNCERTAIN:
        counts.uncertain += number
    elif state in _ON_THE_WAY:
        counts.on_its_way += number
    else:
        counts.skip(reason or state.value, number)
