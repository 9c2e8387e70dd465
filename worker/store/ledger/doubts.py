"""Doubts: the batches of a mailing that wait for an operator, with everything that is known of each. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, exists, func, literal, or_, select

from worker.domain.delivery import BatchStatus
from worker.domain.verdict import Doubt
from worker.store.engine import Connection
from worker.store.ledger.decide import CONTRADICTED
from worker.store.ledger.set_aside import put_aside
from worker.store.tables import batches, deliveries, editions, events, submissions


@dataclass(frozen=True, slots=True)
class Call:
    """A submission as it is known: `answer` is `unknown` where none came, and then `detail` says why."""

    submission_id: int
    started_at: datetime
    answered_at: datetime | None
    answer: str | None
    status_code: int | None
    detail: str
    decision: str | None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A batch in doubt. `readers` are owed the message; `events` counts what came back about them, by type.

    `foreign_readers`: of how many of them mail was reported that no submission in this database carried.
    """

    batch_id: int
    doubt: Doubt
    plan: str
    readers: int
    problem: str
    last_call: Call | None
    calls: int
    foreign_readers: int = 0
    events: dict[str, int] = field(default_factory=dict)
    last_event_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The newest event of all, whatever mail it is about."""

    type: str
    happened_at: datetime
    received_at: datetime


_PENDING_MAILINGS = select(batches.c.mailing_id).where(batches.c.status == BatchStatus.PENDING).distinct()
_foreign_event = exists().where(submissions.c.key == events.c.submission_key)
_owed = (deliveries.c.skipped_reason.is_(None), deliveries.c.refused_reason.is_(None))


def read_doubts(connection: Connection, mailing_id: int, *, restored: bool) -> list[Doubtful]:
    """The batches of a mailing in doubt, oldest first.

    `restored`: the database is fenced as an old copy, so every pending batch of it may have gone out. Otherwise a pending
    batch is in doubt only where mail of a submission that is not here was reported.
    """
    foreign = _foreign_readers(connection, mailing_id)
    forgotten = literal(True) if restored else batches.c.id.in_(sorted(foreign))
    pending = batches.c.status == BatchStatus.PENDING
    doubt = case(
        (batches.c.status == BatchStatus.UNCERTAIN, Doubt.UNCERTAIN.value),
        (pending & forgotten, Doubt.FORGOTTEN.value),
        (pending & batches.c.set_aside.is_not(None), Doubt.SET_ASIDE.value),
        (
            (batches.c.status == BatchStatus.SUBMITTED)
            & exists().where(submissions.c.batch_id == batches.c.id, CONTRADICTED),
            Doubt.CONTRADICTED.value,
        ),
    )
    readers = select(func.count()).where(deliveries.c.batch_id == batches.c.id, *_owed).scalar_subquery()
    query = (
        select(
            batches.c.id,
            doubt.label("doubt"),
            editions.c.plan,
            readers.label("readers"),
            func.coalesce(batches.c.set_aside, batches.c.problem, "").label("problem"),
        )
        .join(editions, editions.c.id == batches.c.edition_id)
        .where(batches.c.mailing_id == mailing_id, doubt.is_not(None))
        .order_by(batches.c.id)
    )
    return [_doubtful(connection, row, foreign) for row in connection.execute(query).all()]


def set_aside_forgotten(connection: Connection) -> int:
    """Before a fence is lifted: batches of which mail was reported that this database knows nothing of are set aside."""
    held = 0
    for mailing_id in connection.execute(_PENDING_MAILINGS).scalars().all():
        for batch_id, readers in sorted(_foreign_readers(connection, mailing_id).items()):
            why = f"{readers:,} of its readers have mail from a submission that this database has forgotten"
            held += put_aside(connection, batch_id, why)
    return held


def newest_report(connection: Connection) -> Report | None:
    """What the webhook said last, of any mail; None where it has never said anything."""
    row = connection.execute(select(events).order_by(events.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else Report(row.type, row.happened_at, row.received_at)


def _doubtful(connection: Connection, row: Any, foreign: dict[int, int]) -> Doubtful:
    calls = connection.execute(
        select(submissions).where(submissions.c.batch_id == row.id).order_by(submissions.c.id)
    ).all()
    told = _events(connection, row.id)
    return Doubtful(
        batch_id=row.id,
        doubt=Doubt(row.doubt),
        plan=row.plan,
        readers=row.readers,
        problem=row.problem,
        last_call=_call(calls[-1]) if calls else None,
        calls=len(calls),
        foreign_readers=foreign.get(row.id, 0),
        events={one.type: one.number for one in told},
        last_event_at=max((one.last_at for one in told), default=None),
    )


def _call(row: Row[Any]) -> Call:
    return Call(
        submission_id=row.id,
        started_at=row.started_at,
        answered_at=row.answered_at,
        answer=row.answer,
        status_code=row.status_code,
        detail=row.detail or "",
        decision=row.decision,
    )


def _events(connection: Connection, batch_id: int) -> Iterable[Any]:
    query = (
        select(events.c.type, func.count().label("number"), func.max(events.c.happened_at).label("last_at"))
        .join(deliveries, deliveries.c.id == events.c.delivery_id)
        .where(deliveries.c.batch_id == batch_id)
        .group_by(events.c.type)
        .order_by(events.c.type)
    )
    return connection.execute(query).all()


def _foreign_readers(connection: Connection, mailing_id: int) -> dict[int, int]:
    """Per pending batch: of how many readers mail was reported that no submission here carried.

    The address must agree too: after a restore, new rows may have the numbers of forgotten ones.
    """
    query = (
        select(deliveries.c.batch_id, func.count(deliveries.c.id.distinct()))
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(events, events.c.delivery_id == deliveries.c.id)
        .where(
            batches.c.mailing_id == mailing_id,
            batches.c.status == BatchStatus.PENDING,
            events.c.submission_key.is_not(None),
            or_(events.c.address_key.is_(None), events.c.address_key == deliveries.c.address_key),
            ~_foreign_event,
        )
        .group_by(deliveries.c.batch_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
