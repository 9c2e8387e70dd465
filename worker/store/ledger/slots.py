"""Cancel slots: SendGrid keeps at most ten ids paused or cancelled at a time, for all mailings of an account together.

They are counted here, by the state of generations. A slot is given back long after the hour and never before: SendGrid
forgets the cancellation then, and mail that still waited under it would go.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, select, update

from worker.domain.mailing import MailingStatus
from worker.domain.staging import FREED_AFTER, SLOTS, Generation, GenerationState
from worker.store.engine import Connection
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.staging import generation_of
from worker.store.tables import generations, installation, mailings

_TAKEN = (GenerationState.CANCELLING, GenerationState.CANCELLED)


def one_at_a_time(connection: Connection) -> None:
    """Let no other transaction of a recall run beside this one, up to its end: they count what the others write."""
    changed(connection, update(installation).values(id=installation.c.id))


def is_generation(generation: Generation) -> ColumnElement[bool]:
    """Its row in `generations`."""
    return and_(
        generations.c.mailing_id == generation.mailing_id,
        generations.c.generation == generation.number,
    )


def take_slot(connection: Connection, generation: Generation, now: datetime) -> bool:
    """Take a slot before SendGrid is asked; True also where it is this generation's already. False: all are taken.

    The caller has called `one_at_a_time`, so two recalls cannot take the last one both.
    """
    asked = select(generations.c.state).where(
        is_generation(generation), generations.c.state == GenerationState.CANCELLING
    )
    if connection.execute(asked).first() is not None:
        return True
    taken = select(func.count()).select_from(generations).where(generations.c.state.in_(_TAKEN))
    if connection.execute(taken).scalar_one() >= SLOTS:
        return False
    done = changed(
        connection,
        update(generations)
        .where(is_generation(generation), generations.c.state == GenerationState.OPEN)
        .values(state=GenerationState.CANCELLING, cancel_asked_at=now),
    )
    if done:
        log_move("generation", generation.mailing_id, GenerationState.OPEN, GenerationState.CANCELLING)
    return done == 1


def due_for_freeing(connection: Connection, now: datetime) -> list[Generation]:
    """Generations whose hour is long past and for which SendGrid was asked to cancel, whatever came of it."""
    recalled = exists().where(
        mailings.c.id == generations.c.mailing_id,
        mailings.c.status == MailingStatus.RECALLING,
        mailings.c.generation == generations.c.generation,
    )
    query = select(generations).where(
        generations.c.state.in_(_TAKEN), generations.c.send_at < now - FREED_AFTER, ~recalled
    )
    return [generation_of(row) for row in connection.execute(query.order_by(generations.c.send_at))]


def note_freed(connection: Connection, generation: Generation) -> bool:
    """SendGrid has forgotten the cancellation. A generation that was never confirmed to be cancelled went at its hour."""
    done = changed(
        connection,
        update(generations)
        .where(is_generation(generation), generations.c.state == generation.state)
        .values(state=GenerationState.FREED if generation.state is GenerationState.CANCELLED else GenerationState.OPEN),
    )
    return done == 1
