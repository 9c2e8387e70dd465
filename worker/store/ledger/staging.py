"""Staging: a planned mailing gets a batch id at SendGrid, and at its hour it is an ordinary one again.

Each move is a conditional update, so the clock may repeat it. Taking back what waits is recall.py's.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, insert, or_, select, update

from worker.domain.mailing import MailingStatus
from worker.domain.staging import RESTAGE, Generation, GenerationState
from worker.store.engine import Connection
from worker.store.ledger.moves import changed, log_attention, log_move
from worker.store.tables import generations, mailings

# Asked of the mailing's own row: two processes that reserved an id each cannot both find that there is none yet.
_UNNAMED = mailings.c.sendgrid_batch_id.is_(None)
_WAITS_FOR_ID = (mailings.c.status == MailingStatus.STAGED, mailings.c.planned_at.is_not(None), _UNNAMED)


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
    """A mailing without a batch id goes at its hour instead, unstaged. False where it has one, or is not staged."""
    return _leave(connection, mailing_id, _UNNAMED, attention)


def leave_late(connection: Connection, now: datetime) -> list[int]:
    """Staged mailings that are unstaged by the time: at their hour, or too shortly before it to get a batch id.

    What waits at SendGrid goes at the hour; what was not handed over by then is submitted from the hour on.
    """
    due = or_(mailings.c.send_at <= now, (mailings.c.send_at <= now + RESTAGE) & _UNNAMED)
    staged = (mailings.c.status == MailingStatus.STAGED, mailings.c.planned_at.is_not(None))
    query = select(mailings.c.id).where(*staged, due).order_by(mailings.c.id)
    return [one for one in connection.execute(query).scalars().all() if _leave(connection, one, due)]


def _leave(
    connection: Connection, mailing_id: int, condition: ColumnElement[bool], attention: str | None = None
) -> bool:
    values: dict[str, Any] = {"status": MailingStatus.SENDING, "sendgrid_batch_id": None}
    if attention:
        values["needs_attention"] = attention
    done = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.status == MailingStatus.STAGED, condition)
        .values(values),
    )
    if done:
        log_move("mailing", mailing_id, MailingStatus.STAGED, MailingStatus.SENDING)
        if attention:
            log_attention(mailing_id, attention)
    return done == 1


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
        in_time=row.cancelled_at is not None,
    )
