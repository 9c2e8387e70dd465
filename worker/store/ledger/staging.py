"""Staging: a planned mailing gets a batch id at SendGrid, and at its hour it is an ordinary one again.

Each move is a conditional update, so the clock may repeat it. Taking back what waits is recall.py's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, exists, func, insert, or_, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.mailing import MailingStatus
from worker.domain.staging import CUTOFF, RESTAGE, Generation, GenerationState
from worker.store.engine import Connection
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import batches, generations, mailings

_NAMED = exists().where(generations.c.mailing_id == mailings.c.id, generations.c.generation == mailings.c.generation)
_WAITS_FOR_ID = (mailings.c.status == MailingStatus.STAGED, mailings.c.planned_at.is_not(None), ~_NAMED)


def open_generation(connection: Connection, mailing_id: int, number: int) -> Generation | None:
    """The batch id under which a staged mailing is handed over now; None where it is not staged."""
    query = (
        select(generations)
        .join(mailings, mailings.c.id == generations.c.mailing_id)
        .where(
            mailings.c.id == mailing_id,
            mailings.c.status == MailingStatus.STAGED,
            mailings.c.generation == number,
            generations.c.generation == number,
            generations.c.state == GenerationState.OPEN,
        )
    )
    return _only(connection, query)


def due_for_id(connection: Connection) -> list[int]:
    """Staged mailings whose generation has no batch id yet."""
    return list(connection.execute(select(mailings.c.id).where(*_WAITS_FOR_ID).order_by(mailings.c.id)).scalars())


def may_stage(connection: Connection, mailing_id: int, now: datetime) -> bool:
    """Whether a batch id is still wanted, and worth having at `now`."""
    query = select(mailings.c.id).where(mailings.c.id == mailing_id, *_WAITS_FOR_ID, mailings.c.send_at > now + RESTAGE)
    return connection.execute(query).first() is not None


def open_under(connection: Connection, mailing_id: int, sendgrid_batch_id: str, now: datetime) -> bool:
    """Begin a generation under a batch id just reserved. False where somebody else did, or it is not wanted any more."""
    row = connection.execute(
        select(mailings.c.generation, mailings.c.send_at).where(mailings.c.id == mailing_id, *_WAITS_FOR_ID)
    ).one_or_none()
    if row is None:
        return False
    done = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.generation == row.generation, *_WAITS_FOR_ID)
        .values(sendgrid_batch_id=sendgrid_batch_id),
    )
    if done != 1:
        return False
    connection.execute(
        insert(generations).values(
            mailing_id=mailing_id,
            generation=row.generation,
            sendgrid_batch_id=sendgrid_batch_id,
            send_at=row.send_at,
            reserved_at=now,
            state=GenerationState.OPEN,
        )
    )
    log_move("generation", mailing_id, "none", GenerationState.OPEN, generation=row.generation)
    return True


def leave_staging(connection: Connection, mailing_id: int, attention: str | None = None) -> bool:
    """What has not been handed over goes at the hour, unstaged; what waits at SendGrid goes then as well."""
    done = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.status == MailingStatus.STAGED)
        .values(
            status=MailingStatus.SENDING,
            sendgrid_batch_id=None,
            needs_attention=func.coalesce(attention, mailings.c.needs_attention),
        ),
    )
    if done:
        hold_until_hour(connection, mailing_id)
        log_move("mailing", mailing_id, MailingStatus.STAGED, MailingStatus.SENDING)
    return done == 1


def hold_until_hour(connection: Connection, mailing_id: int) -> None:
    """No batch that is still to go does so before the mailing's hour."""
    hour = select(mailings.c.send_at).where(mailings.c.id == mailing_id).scalar_subquery()
    waiting = batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED))
    early = or_(batches.c.not_before.is_(None), batches.c.not_before < hour)
    changed(
        connection,
        update(batches).where(batches.c.mailing_id == mailing_id, waiting, early).values(not_before=hour),
    )


def leave_late(connection: Connection, now: datetime) -> list[int]:
    """Staged mailings that are unstaged by the time: at their hour, or too shortly before it to get a batch id."""
    too_late = mailings.c.send_at <= now + RESTAGE
    query = select(mailings.c.id).where(
        mailings.c.status == MailingStatus.STAGED,
        mailings.c.planned_at.is_not(None),
        or_(mailings.c.send_at <= now, too_late & ~_NAMED),
    )
    return [one for one in connection.execute(query).scalars().all() if leave_staging(connection, one)]


def until_cutoff(send_at: datetime, now: datetime) -> timedelta:
    """How long mail under a batch id can still be taken back; negative where it cannot."""
    return send_at - CUTOFF - now


def _only(connection: Connection, query: Select[Any]) -> Generation | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else generation_of(row)


def generation_of(row: Row[Any]) -> Generation:
    """A row of `generations`."""
    return Generation(
        mailing_id=row.mailing_id,
        number=row.generation,
        sendgrid_batch_id=row.sendgrid_batch_id,
        send_at=row.send_at,
        state=GenerationState(row.state),
        cancel_asked_at=row.cancel_asked_at,
    )
