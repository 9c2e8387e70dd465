"""Due steps after an edit was agreed to: every enrollment of a run gets its next step anew, all or none of a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, or_, tuple_, update

from worker.domain.due_step import LATE
from worker.domain.run import Enrollment
from worker.domain.sequence import Moment
from worker.store.engine import Connection
from worker.store.followups.due import IS_DUE, Overtaken
from worker.store.followups.enrollments import ACTIVE, FINISHED, STOPPED, add_due
from worker.store.followups.members import Place
from worker.store.ledger.moves import changed
from worker.store.rows import among
from worker.store.tables import due_steps, enrollments


@dataclass(frozen=True, slots=True)
class Placed:
    """What its next step is from now on, which ones passed it by, and why the one that was due is to come no more (empty: it
    is)."""

    enrollment: Enrollment
    before: Place
    next: Moment | None
    passed: tuple[Moment, ...]
    due_ends: str = ""


def place_steps(connection: Connection, placed: Sequence[Placed], now: datetime) -> None:
    """Write the next step of each; Overtaken where another clock decided one of them meanwhile."""
    open_ones = [one for one in placed if one.enrollment.status != STOPPED]
    _take_away(connection, [one for one in open_ones if one.before.due], now)
    _skip(connection, open_ones, now)
    going = [one for one in open_ones if one.next is not None]
    add_due(
        connection,
        (
            (one.enrollment.id, one.enrollment.run_id, one.enrollment.subscriber_id, one.next)
            for one in going
            if one.next is not None
        ),
    )
    _set_status(connection, [one.enrollment.id for one in going], ACTIVE, now)
    _set_status(connection, [one.enrollment.id for one in open_ones if one.next is None], FINISHED, now)


def _take_away(connection: Connection, due: Sequence[Placed], now: datetime) -> None:
    """What was due is due anew, at its new hour or after another step; what is to come no more is skipped."""
    stays = [(one.enrollment.id, one.before.due) for one in due if not one.due_ends]
    done = 0
    for why in sorted({one.due_ends for one in due if one.due_ends}):
        gone = [(one.enrollment.id, one.before.due) for one in due if one.due_ends == why]
        for start in range(0, len(gone), 400):
            skipping = update(due_steps).where(IS_DUE, _KEY.in_(gone[start : start + 400]))
            done += changed(connection, skipping.values(state="skipped", reason=why, decided_at=now))
    for start in range(0, len(stays), 400):
        done += changed(connection, delete(due_steps).where(IS_DUE, _KEY.in_(stays[start : start + 400])))
    if done != len(due):
        raise Overtaken("another clock decided these steps", fix="nothing is lost; the next tick goes on")


_KEY = tuple_(due_steps.c.enrollment_id, due_steps.c.step_id)


def _skip(connection: Connection, placed: Sequence[Placed], now: datetime) -> None:
    rows = [
        {
            "enrollment_id": one.enrollment.id,
            "step_id": moment.step_id,
            "run_id": one.enrollment.run_id,
            "subscriber_id": one.enrollment.subscriber_id,
            "first_due_at": moment.due_at,
            "due_at": moment.due_at,
            "expires_at": moment.expires_at,
            "state": "skipped",
            "reason": LATE,
            "decided_at": now,
        }
        for one in placed
        for moment in one.passed
    ]
    if rows:
        connection.execute(insert(due_steps), rows)


def _set_status(connection: Connection, ids: Sequence[int], status: str, now: datetime) -> None:
    other = or_(enrollments.c.status == ACTIVE, enrollments.c.status == FINISHED)
    moving = update(enrollments).where(among(connection, enrollments.c.id, ids), other, enrollments.c.status != status)
    if ids:
        connection.execute(moving.values(status=status, ended_at=None if status == ACTIVE else now))
