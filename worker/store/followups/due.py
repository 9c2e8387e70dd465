"""Due steps: found by what is due, decided by conditional updates whose row count is looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, func, literal_column, not_, or_, select

from worker.domain.run import DueStep
from worker.errors import BroadsheetError
from worker.store.engine import Connection
from worker.store.instants import to_millis
from worker.store.ledger.moves import changed
from worker.store.rows import among, encode_rows, rows_source, statement
from worker.store.tables import due_steps

# Written out, not as parameters: a database takes an index over some rows alone only where the query says which.
IS_DUE: ColumnElement[bool] = literal_column("due_steps.state = 'due'")
IS_PLANNED: ColumnElement[bool] = literal_column("due_steps.state = 'planned'")

Held = Mapping[int, Collection[str] | None]  # run -> steps that wait for a person; None: all of them wait for a file

_DUE = (
    due_steps.c.enrollment_id,
    due_steps.c.step_id,
    due_steps.c.run_id,
    due_steps.c.subscriber_id,
    due_steps.c.first_due_at,
    due_steps.c.due_at,
    due_steps.c.expires_at,
    due_steps.c.reason,
)
_DECIDED = {
    "enrollment": "bigint",
    "step": "text",
    "subscriber": "bigint",
    "was": "bigint",
    "state": "text",
    "reason": "text",
    "mailing": "bigint",
    "first": "bigint",
    "due": "bigint",
    "expires": "bigint",
    "decided": "bigint",
    "later": "bigint",
}
_ENDED = {"enrollment": "bigint", "status": "text", "reason": "text"}


class Overtaken(BroadsheetError):
    """Another clock decided the same at this moment: nothing of this was written, and the next tick looks again."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a due row becomes. `state` is planned, skipped or (put off) due."""

    row: DueStep
    state: str
    reason: str = ""
    mailing_id: int | None = None
    first_due_at: datetime | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None


def next_due(connection: Connection) -> datetime | None:
    """When the next step is due, perhaps long ago; None where none is."""
    found: datetime | None = connection.execute(select(func.min(due_steps.c.due_at)).where(IS_DUE)).scalar_one()
    return found


def due_now(connection: Connection, now: datetime, held: Held, most: int) -> list[DueStep]:
    """Steps whose moment has come, the longest due first; of held ones those alone whose time is over."""
    waits = [
        and_(due_steps.c.run_id == run_id, *([] if steps is None else [due_steps.c.step_id.in_(sorted(steps))]))
        for run_id, steps in sorted(held.items())
    ]
    query = (
        select(*_DUE)
        .where(
            IS_DUE,
            due_steps.c.due_at <= now,
            or_(not_(or_(false(), *waits)), due_steps.c.expires_at <= now),
        )
        .order_by(due_steps.c.due_at, due_steps.c.enrollment_id)
        .limit(most)
    )
    return [DueStep(*row) for row in connection.execute(query)]


def steps_decided(connection: Connection, ids: Sequence[int]) -> dict[int, set[str]]:
    """The steps of these enrollments of which there is a row: those decided, and the one that is due."""
    query = select(due_steps.c.enrollment_id, due_steps.c.step_id).where(
        among(connection, due_steps.c.enrollment_id, ids)
    )
    found: dict[int, set[str]] = {}
    for enrollment_id, step_id in connection.execute(query):
        found.setdefault(enrollment_id, set()).add(step_id)
    return found


def record_decided(connection: Connection, decided: Sequence[Decided], now: datetime) -> None:
    """Write what became of due rows, all or none: Overtaken where one of them is not as it was read."""
    if not decided:
        return
    rows = [_row(one, now) for one in sorted(decided, key=lambda one: (one.row.enrollment_id, one.row.step_id))]
    done = changed(
        connection,
        statement(
            "UPDATE due_steps SET state = given.state, reason = given.reason, mailing_id = given.mailing,"  # noqa: S608
            " first_due_at = given.first, due_at = given.due, expires_at = given.expires, decided_at = given.decided,"
            f" attempts = attempts + given.later FROM {rows_source(connection, _DECIDED)}"
            " WHERE due_steps.enrollment_id = given.enrollment AND due_steps.step_id = given.step"
            " AND due_steps.state = 'due' AND due_steps.due_at = given.was"
            # Not another record's, since it was merged: the mailing that was made of it would go to nobody.
            " AND due_steps.subscriber_id = given.subscriber"
        ),
        {"rows": encode_rows(rows)},
    )
    if done != len(rows):
        raise Overtaken("another clock decided these steps", fix="nothing is lost; the next tick goes on")


def end_enrollments(connection: Connection, ended: Iterable[tuple[int, str, str]], now: datetime) -> None:
    """(enrollment, finished or stopped, why) of those with nothing left to come."""
    rows = [{"enrollment": one, "status": status, "reason": why} for one, status, why in sorted(ended)]
    if rows:
        changed(
            connection,
            statement(
                "UPDATE enrollments SET status = given.status, reason = given.reason, ended_at = :now"  # noqa: S608
                f" FROM {rows_source(connection, _ENDED)} WHERE enrollments.id = given.enrollment"
                " AND enrollments.status = 'active'"
            ),
            {"rows": encode_rows(rows), "now": to_millis(now)},
        )


def _row(one: Decided, now: datetime) -> dict[str, object]:
    stays = one.state == "due"
    return {
        "enrollment": one.row.enrollment_id,
        "step": one.row.step_id,
        "subscriber": one.row.subscriber_id,
        "was": to_millis(one.row.due_at),
        "state": one.state,
        "reason": one.reason,
        "mailing": one.mailing_id,
        "first": to_millis(one.first_due_at or one.row.first_due_at),
        "due": to_millis(one.due_at or one.row.due_at),
        "expires": to_millis(one.expires_at or one.row.expires_at),
        "decided": None if stays else to_millis(now),
        "later": int(stays),
    }
