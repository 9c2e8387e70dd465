"""What is due, derived from the ledger alone; the clock asks every few seconds and enqueues the ids."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select

from worker.domain.mailing import KINDS, MailingKind, MailingStatus, Queue
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.claim import READY, SENDS
from worker.store.pace import MAY_PACE
from worker.store.tables import batches, mailings, submissions


@dataclass(frozen=True, slots=True)
class DueMailing:
    """A mailing something is due for; `pending` counts batches that may go now (0 for one still to be planned)."""

    mailing_id: int
    kind: MailingKind
    pending: int


def due_for_planning(connection: Connection, now: datetime) -> list[DueMailing]:
    """Mailings whose hour (or, staged, whose time to be handed over) has come, and those whose planning was left unfinished."""
    query = select(mailings.c.id, mailings.c.kind).where(_may_be_planned(now))
    return [DueMailing(row.id, MailingKind(row.kind), 0) for row in connection.execute(query.order_by(mailings.c.id))]


def is_due_for_planning(connection: Connection, mailing_id: int, now: datetime) -> bool:
    """Whether this one is among them."""
    query = select(mailings.c.id).where(mailings.c.id == mailing_id, _may_be_planned(now))
    return connection.execute(query).first() is not None


def _may_be_planned(now: datetime) -> ColumnElement[bool]:
    begins = func.coalesce(mailings.c.stage_at, mailings.c.send_at)
    return and_(mailings.c.status.in_((MailingStatus.SCHEDULED, MailingStatus.PLANNING)), begins <= now)


def due_for_submitting(connection: Connection) -> list[DueMailing]:
    """Mailings with batches that may go now."""
    query = (
        select(mailings.c.id, mailings.c.kind, func.count())
        .join(batches, batches.c.mailing_id == mailings.c.id)
        .where(
            SENDS,
            READY,
            MAY_PACE,
        )
        .group_by(mailings.c.id, mailings.c.kind)
        .order_by(mailings.c.id)
    )
    return [DueMailing(row[0], MailingKind(row[1]), row[2]) for row in connection.execute(query)]


def another_waits(connection: Connection, mailing_id: int) -> bool:
    """Whether another mailing of the bulk queue has a batch that may go now."""
    query = (
        select(batches.c.id)
        .join(mailings, mailings.c.id == batches.c.mailing_id)
        .where(
            SENDS,
            mailings.c.id != mailing_id,
            mailings.c.kind.in_([kind.value for kind, rules in KINDS.items() if rules.queue is Queue.BULK]),
            READY,
            MAY_PACE,
        )
        .limit(1)
    )
    return connection.execute(query).first() is not None


def last_served(connection: Connection, mailing_ids: Collection[int]) -> dict[int, int]:
    """The newest submission of each of these mailings; one that has none is left away."""
    query = (
        select(batches.c.mailing_id, func.max(submissions.c.id))
        .join(submissions, submissions.c.batch_id == batches.c.id)
        .where(batches.c.mailing_id.in_(mailing_ids))
        .group_by(batches.c.mailing_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def database_clock(connection: Connection) -> datetime:
    """The database's clock: what every host agrees on."""
    now: datetime = connection.execute(select(DatabaseNow())).scalar_one()
    return now
