"""Enrollments: who is in which run, and the first step of each; whom to enroll, a part of the list at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select

from worker.domain.calendar import usable
from worker.domain.run import Run
from worker.domain.segment import Rule
from worker.domain.sequence import Moment
from worker.domain.subscriber import SubscriberStatus
from worker.domain.trigger import Trigger
from worker.store.engine import Connection
from worker.store.instants import from_millis, to_millis
from worker.store.ledger.moves import changed
from worker.store.rows import among, encode_rows, rows_source, statement
from worker.store.segments import where
from worker.store.tables import deliveries, due_steps, enrollments, subscribers, triggers

ACTIVE, FINISHED, STOPPED = "active", "finished", "stopped"
_COLUMNS = {"run": "bigint", "subscriber": "bigint", "occurrence": "text", "met": "bigint"}


@dataclass(frozen=True, slots=True)
class NewEnrollment:
    """Somebody to enroll."""

    run_id: int
    subscriber_id: int
    triggered_at: datetime
    occurrence: str = ""


class Enrolled(NamedTuple):
    """One that was enrolled just now; `zone` is the reader's, perhaps empty."""

    id: int
    run_id: int
    subscriber_id: int
    triggered_at: datetime
    zone: str


class Waiting(NamedTuple):
    """A row of `triggers`."""

    id: int
    event: Trigger
    subscriber_id: int
    occurrence: str
    happened_at: datetime


class Reader(NamedTuple):
    """Somebody to look at; `since` is when they were met, None where that is the run's own beginning."""

    subscriber_id: int
    since: datetime | None


def enroll(connection: Connection, new: Sequence[NewEnrollment], now: datetime) -> list[Enrolled]:
    """Enroll; whoever is in the same run by the same occurrence is left alone. Returns those that are new."""
    rows = [
        {
            "run": one.run_id,
            "subscriber": one.subscriber_id,
            "occurrence": one.occurrence,
            "met": to_millis(one.triggered_at),
        }
        for one in sorted(new, key=lambda one: (one.run_id, one.subscriber_id, one.triggered_at))
    ]
    added = connection.execute(
        statement(
            "INSERT INTO enrollments (run_id, subscriber_id, occurrence, triggered_at, enrolled_at, status)"  # noqa: S608
            f" SELECT run, subscriber, occurrence, met, :now, 'active' FROM {rows_source(connection, _COLUMNS)} WHERE true"
            " ON CONFLICT DO NOTHING RETURNING id, run_id, subscriber_id, triggered_at"
        ),
        {"rows": encode_rows(rows), "now": to_millis(now)},
    ).all()
    zones = zones_of(connection, [row.subscriber_id for row in added])
    return [
        Enrolled(row.id, row.run_id, row.subscriber_id, from_millis(row.triggered_at), zones.get(row.subscriber_id, ""))
        for row in added
    ]


def add_due(connection: Connection, steps: Iterable[tuple[int, int, int, Moment]]) -> None:
    """The next step of each: (enrollment, run, subscriber, moment)."""
    rows = [
        {
            "enrollment_id": enrollment_id,
            "step_id": moment.step_id,
            "run_id": run_id,
            "subscriber_id": subscriber_id,
            "first_due_at": moment.due_at,
            "due_at": moment.due_at,
            "expires_at": moment.expires_at,
            "state": "due",
        }
        for enrollment_id, run_id, subscriber_id, moment in steps
    ]
    if rows:
        connection.execute(insert(due_steps), rows)


def zones_of(connection: Connection, subscriber_ids: Sequence[int]) -> dict[int, str]:
    """Where these readers live; empty where nobody knows."""
    query = select(subscribers.c.id, subscribers.c.zone).where(among(connection, subscribers.c.id, subscriber_ids))
    return {row[0]: usable(row[1]) for row in connection.execute(query)} if subscriber_ids else {}


def waiting_triggers(connection: Connection, most: int) -> list[Waiting]:
    """What happened and nobody has looked at, oldest first."""
    query = select(
        triggers.c.id,
        triggers.c.event,
        triggers.c.subscriber_id,
        triggers.c.occurrence,
        triggers.c.happened_at,
    )
    rows = connection.execute(query.order_by(triggers.c.id).limit(most))
    return [Waiting(row[0], Trigger(row[1]), *row[2:]) for row in rows]


def take_triggers(connection: Connection, ids: Sequence[int]) -> bool:
    """Take them away; False where another clock did, and then nothing else may be written."""
    return changed(connection, delete(triggers).where(among(connection, triggers.c.id, ids))) == len(ids)


def next_ids(connection: Connection, after: int, most: int) -> int | None:
    """The last of the next ids of subscribers; None where there are none."""
    part = select(subscribers.c.id).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(most).subquery()
    last: int | None = connection.execute(select(func.max(part.c.id))).scalar_one()
    return last


def ids_after(connection: Connection, after: int, most: int) -> list[int]:
    """The next ids of subscribers."""
    query = select(subscribers.c.id).where(subscribers.c.id > after).order_by(subscribers.c.id).limit(most)
    return list(connection.execute(query).scalars())


def readers_between(
    connection: Connection, run: Run, rule: Rule, after: int, through: int, at: datetime
) -> list[Reader]:
    """Confirmed readers among these ids whom the rule picks and who are not in the run; `since` is when they confirmed."""
    query = _readers(run, rule, at).where(subscribers.c.id > after, subscribers.c.id <= through)
    return [Reader(row[0], row[1]) for row in connection.execute(query.order_by(subscribers.c.id))]


def readers_confirmed(
    connection: Connection, run: Run, rule: Rule, after: datetime, at: datetime, most: int
) -> list[Reader]:
    """The same of whoever confirmed after that moment, the earliest first."""
    query = _readers(run, rule, at).where(subscribers.c.confirmed_at > after)
    ordered = query.order_by(subscribers.c.confirmed_at, subscribers.c.id).limit(most)
    return [Reader(row[0], row[1]) for row in connection.execute(ordered)]


def readers_of_mailing(connection: Connection, mailing_id: int, after: int, most: int) -> list[Reader]:
    """Whom a mailing goes to, by id."""
    query = (
        select(deliveries.c.subscriber_id)
        .where(
            deliveries.c.mailing_id == mailing_id,
            deliveries.c.subscriber_id > after,
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .order_by(deliveries.c.subscriber_id)
        .limit(most)
    )
    return [Reader(one, None) for one in connection.execute(query).scalars()]


def _readers(run: Run, rule: Rule, at: datetime) -> Any:
    inside = (
        select(enrollments.c.id)
        .where(enrollments.c.run_id == run.id, enrollments.c.subscriber_id == subscribers.c.id)
        .exists()
    )
    return select(subscribers.c.id, subscribers.c.confirmed_at).where(
        subscribers.c.status == SubscriberStatus.CONFIRMED,
        subscribers.c.merged_into.is_(None),
        where(rule, at),
        ~inside,
    )
