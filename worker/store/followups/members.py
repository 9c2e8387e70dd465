"""Who is in which run, and where they stand in it. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from worker.domain.run import Enrollment
from worker.store.engine import Connection
from worker.store.followups.enrollments import ACTIVE
from worker.store.rows import among
from worker.store.tables import due_steps, enrollments

_ENROLLMENT = (
    enrollments.c.id,
    enrollments.c.run_id,
    enrollments.c.subscriber_id,
    enrollments.c.occurrence,
    enrollments.c.triggered_at,
    enrollments.c.status,
    enrollments.c.reason,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an enrollment stands: what was decided, and which step is due (empty: none), when, and why it was put off.

    `first_due_at`: when that step was due before anything put it off.
    """

    decided: frozenset[str] = field(default_factory=frozenset)
    due: str = ""
    due_at: datetime | None = None
    put_off: str = ""
    first_due_at: datetime | None = None

    def has_passed(self, step_id: str, due_at: datetime, now: datetime) -> bool:
        """Whether a step due then has passed it by. What follows the step that is due has not: its turn is still to come."""
        return step_id != self.due and due_at < min(now, self.first_due_at or now)


def enrollments_by_id(connection: Connection, ids: Sequence[int]) -> dict[int, Enrollment]:
    """These enrollments."""
    query = select(*_ENROLLMENT).where(among(connection, enrollments.c.id, ids))
    return {row[0]: Enrollment(*row) for row in connection.execute(query)}


def enrolled_after(connection: Connection, run_id: int, after: int, most: int) -> list[int]:
    """The ids of the next subscribers who are or were in a run."""
    query = (
        select(enrollments.c.subscriber_id)
        .where(enrollments.c.run_id == run_id, enrollments.c.subscriber_id > after)
        .order_by(enrollments.c.subscriber_id)
        .limit(most)
    )
    return sorted(set(connection.execute(query).scalars()))


def enrollments_after(connection: Connection, run_id: int, after: int, most: int) -> list[Enrollment]:
    """The enrollments of the next subscribers in a run, all of each subscriber's, ended ones too."""
    ids = enrolled_after(connection, run_id, after, most)
    if not ids:
        return []
    query = select(*_ENROLLMENT).where(
        enrollments.c.run_id == run_id, enrollments.c.subscriber_id > after, enrollments.c.subscriber_id <= ids[-1]
    )
    return [Enrollment(*row) for row in connection.execute(query.order_by(enrollments.c.subscriber_id))]


def active_among(connection: Connection, run_ids: Collection[int], subscriber_ids: Sequence[int]) -> list[Enrollment]:
    """What these subscribers have left to come in these runs, oldest first."""
    query = select(*_ENROLLMENT).where(
        enrollments.c.run_id.in_(sorted(run_ids)),
        among(connection, enrollments.c.subscriber_id, subscriber_ids),
        enrollments.c.status == ACTIVE,
    )
    return [Enrollment(*row) for row in connection.execute(query.order_by(enrollments.c.id))]


def places_of(connection: Connection, ids: Sequence[int]) -> dict[int, Place]:
    """Where these enrollments stand."""
    query = select(due_steps).where(among(connection, due_steps.c.enrollment_id, ids))
    decided: dict[int, set[str]] = {}
    due: dict[int, tuple[str, datetime | None, str, datetime | None]] = {}
    for row in connection.execute(query):
        if row.state == "due":
            due[row.enrollment_id] = (row.step_id, row.due_at, row.reason, row.first_due_at)
        else:
            decided.setdefault(row.enrollment_id, set()).add(row.step_id)
    nothing = ("", None, "", None)
    return {one: Place(frozenset(decided.get(one, ())), *due.get(one, nothing)) for one in {*decided, *due}}
