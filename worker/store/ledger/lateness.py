"""Lateness in the ledger: mailings that handed over nothing by their hour and the grace after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select

from worker.domain.delivery import BatchStatus
from worker.domain.late import Late, missed_by
from worker.domain.mailing import MailingStatus
from worker.domain.timing import Anchor
from worker.store.engine import Connection
from worker.store.followups.runs import runs_by_id
from worker.store.ledger.mailings import cancel_mailing, need_attention, pause_mailing
from worker.store.pace import blocked_after
from worker.store.tables import batches, launch_notes, mailings

_WAITING = (MailingStatus.SCHEDULED, MailingStatus.PLANNING, MailingStatus.SENDING)
_BEGUN = exists().where(
    batches.c.mailing_id == mailings.c.id,
    batches.c.status.not_in((BatchStatus.PENDING, BatchStatus.CLAIMED)),
)
_UNSENT = exists().where(
    batches.c.mailing_id == mailings.c.id,
    batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED)),
)


#: A step may go late, but only within its time: after the close nobody is told of a launch, whatever its policy says.
_IS_STEP = mailings.c.run_id.is_not(None)


def late_at(now: datetime, grace: timedelta) -> ColumnElement[bool]:
    """Beside a row of `mailings`: it is late, and nobody has decided yet that it goes all the same.

    One of which something was handed over is not late, it goes on. Nor is one that the account's pace held back within
    the grace, nor one at local hours none of which has been missed. One whose `expires_at` has come is, whatever of it
    has gone, as long as something of it has not.
    """
    missed = now - grace
    hour_missed = exists().where(
        batches.c.mailing_id == mailings.c.id,
        or_(batches.c.not_before.is_(None), batches.c.not_before < missed),
    )
    waits_for_an_hour = and_(mailings.c.local_hour == 1, ~hour_missed)
    has_missed = and_(
        mailings.c.send_at < missed,
        ~_BEGUN,
        or_(mailings.c.planned_at.is_(None), ~or_(waits_for_an_hour, blocked_after(missed))),
    )
    has_expired = and_(_is_over(now), or_(mailings.c.planned_at.is_(None), _UNSENT))
    decides = and_(mailings.c.late != Late.SEND, or_(has_missed, has_expired))
    return and_(mailings.c.status.in_(_WAITING), or_(decides, and_(_IS_STEP, has_expired)))


def _is_over(now: datetime) -> ColumnElement[bool]:
    """Its time is over, or its launch has closed earlier than was known when it was made. What follows a close has none."""
    closed = exists().where(
        launch_notes.c.launch_id == mailings.c.launch_id,
        launch_notes.c.closes_at <= now,
        launch_notes.c.closes_at > mailings.c.send_at,
    )
    return func.coalesce(or_(mailings.c.expires_at <= now, and_(_IS_STEP, closed)), false())


def _closed_before(connection: Connection, now: datetime) -> list[int]:
    """Steps that wait though their launch, by today's file, had closed before their hour. What follows the close may go."""
    query = (
        select(mailings.c.id, mailings.c.run_id, mailings.c.step_id)
        .join(launch_notes, launch_notes.c.launch_id == mailings.c.launch_id)
        .where(
            _IS_STEP,
            mailings.c.status.in_(_WAITING),
            or_(mailings.c.planned_at.is_(None), _UNSENT),
            launch_notes.c.closes_at <= now,
            launch_notes.c.closes_at <= mailings.c.send_at,
        )
    )
    rows = connection.execute(query.order_by(mailings.c.id)).all()
    runs = runs_by_id(connection, {row.run_id for row in rows}) if rows else {}
    timings = {row.id: runs[row.run_id].timings.get(row.step_id) for row in rows}
    return [one for one, timing in timings.items() if timing and (timing.before or timing.anchor is not Anchor.CLOSES)]


def is_late(connection: Connection, mailing_id: int, now: datetime, grace: timedelta) -> bool:
    """Whether `decide_late` would decide about this one."""
    query = select(mailings.c.id).where(mailings.c.id == mailing_id, late_at(now, grace))
    return connection.execute(query).first() is not None or mailing_id in _closed_before(connection, now)


def decide_late(connection: Connection, now: datetime, grace: timedelta) -> list[int]:
    """Pause or cancel what is late, as each mailing's policy says; returns the ids. Can be repeated at any time."""
    closed = mailings.c.id.in_(_closed_before(connection, now))
    over = or_(_is_over(now), closed).label("over")
    columns = (mailings.c.id, mailings.c.late, mailings.c.send_at, mailings.c.launch_id, over)
    query = select(*columns).where(or_(late_at(now, grace), closed))
    decided = []
    for row in connection.execute(query.order_by(mailings.c.id)).all():
        outlived = f"it outlived its {'launch' if row.launch_id else 'time'}"
        missed = outlived if row.over else f"it missed its hour by {missed_by(row.send_at, now)}"
        if row.over or row.late == Late.EXPIRE:
            if cancel_mailing(connection, row.id, now):
                need_attention(connection, row.id, f"{missed} and has expired: {who_gets_it(connection, row.id)}")
                decided.append(row.id)
        elif pause_mailing(
            connection,
            row.id,
            f"{missed}: `broadsheet resume {row.id}` sends it now, `broadsheet cancel {row.id}` drops it",
        ):
            decided.append(row.id)
    return decided


def who_gets_it(connection: Connection, mailing_id: int) -> str:
    """Who gets an expired mailing, in words: nobody, unless its launch closed while it went, or a worker started at the
    very moment it was cancelled.
    """
    gone = batches.c.status.not_in((BatchStatus.CANCELLED, BatchStatus.EMPTY))
    query = select(batches.c.id).where(batches.c.mailing_id == mailing_id, gone)
    if connection.execute(query.limit(1)).first() is None:
        return "nobody gets it"
    return f"nobody gets it but who was mailed by then (`broadsheet status {mailing_id}`)"
