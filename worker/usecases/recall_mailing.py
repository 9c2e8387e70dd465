"""Recall a mailing: ask SendGrid to cancel, ask what it understood, and only then move the ledger.

Run again after a crash at any line, it goes on where it was. No transaction is open during a call.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from worker.domain.mailing import MailingStatus, Queue
from worker.domain.staging import LAST_ASK, OBEYS, Generation, GenerationState
from worker.providers.scheduled import Declined, Done, Scheduler, Unreached, Waiting
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.ledger.due import database_clock
from worker.store.ledger.escaped import note_gone_early, stop_escaping
from worker.store.ledger.mailings import get_mailing, need_attention
from worker.store.ledger.recall import (
    TROUBLE,
    anything_waits,
    call_in_flight,
    doubt,
    fail_recall,
    finish_recall,
    note_in_time,
    recalled_generation,
)
from worker.store.ledger.slots import due_for_freeing, note_freed, one_at_a_time, take_slot
from worker.usecases.due import Due

TOO_LATE = "SendGrid did not confirm in time that the mail is cancelled: what was handed over goes at its hour"
UNSURE = (
    "whether SendGrid cancelled the mail in time is not known: what was handed over goes at its hour, or is thrown away"
)
NO_SLOT = (
    f"{TROUBLE}all ten of the account's cancellations are in use; free one in SendGrid, or what was handed over goes"
)


def recall_mailing(engine: Engine, scheduler: Scheduler, mailing_id: int, now: datetime | None = None) -> list[Due]:
    """Take back what waits at SendGrid for a mailing that is `recalling`; returns what to enqueue next.

    It is over when the mailing is not `recalling` any more. Until then the clock offers it again: a call that is in
    flight is waited for, and SendGrid is asked until it answers.
    """
    with writing(engine) as connection:
        generation = _begin(connection, mailing_id, now)
        if generation is None:
            return _next(connection, mailing_id)
    found = scheduler.read(generation.sendgrid_batch_id)
    if found in (Waiting.GOES, Waiting.PAUSED):
        found = _ask(engine, scheduler, generation, now) or found
    with writing(engine) as connection:
        _settle(connection, generation, found, now)
        return _next(connection, mailing_id)


def free_generations(engine: Engine, scheduler: Scheduler, now: datetime | None = None) -> int:
    """Give back the slots of generations whose hour is long past; returns how many."""
    with reading(engine) as connection:
        old = due_for_freeing(connection, now or database_clock(connection))
    freed = 0
    for generation in old:
        if isinstance(scheduler.free(generation.sendgrid_batch_id), Done):
            with writing(engine) as connection:
                freed += note_freed(connection, generation)
    return freed


def _begin(connection: Connection, mailing_id: int, now: datetime | None) -> Generation | None:
    """The generation SendGrid is to be asked about now; None where there is nothing to ask, or not yet."""
    one_at_a_time(connection)
    at = now or database_clock(connection)
    generation = recalled_generation(connection, mailing_id)
    if generation is None or generation.state is not GenerationState.OPEN:
        return generation
    in_flight = call_in_flight(connection, mailing_id)
    if not in_flight and not anything_waits(connection, generation):
        finish_recall(connection, generation, at, unused=True)
        return None
    if at >= generation.send_at - LAST_ASK:
        fail_recall(connection, generation, TOO_LATE, at)
        return None
    if in_flight:
        return None  # it is settled or swept within a lease
    if not take_slot(connection, generation, at):
        _tell(connection, mailing_id, NO_SLOT)
        return None
    return generation


def _ask(
    engine: Engine, scheduler: Scheduler, generation: Generation, now: datetime | None
) -> Waiting | Declined | Unreached | None:
    """Ask to cancel while SendGrid still obeys, and read back. None where it is too late to ask."""
    with reading(engine) as connection:
        at = now or database_clock(connection)
    if at >= generation.send_at - LAST_ASK:
        return None
    answer = scheduler.cancel(generation.sendgrid_batch_id)
    match answer:
        case Done():
            with writing(engine) as connection:
                note_in_time(connection, generation, now or database_clock(connection))
            return scheduler.read(generation.sendgrid_batch_id)
        case Declined():
            return answer
        case Unreached():
            return answer
        case _:
            assert_never(answer)


def _settle(
    connection: Connection, asked: Generation, found: Waiting | Declined | Unreached, now: datetime | None
) -> None:
    """What SendGrid says now, in the ledger. A cancellation counts only if it was there while SendGrid still obeys."""
    one_at_a_time(connection)
    at = now or database_clock(connection)
    mailing_id = asked.mailing_id
    generation = recalled_generation(connection, mailing_id)
    if generation is None or generation.number != asked.number:
        _look_behind(connection, asked, found)
        return
    obeys = at < generation.send_at - OBEYS
    match found:
        case Waiting.CANCELLED:
            if not (obeys or generation.in_time):
                fail_recall(connection, generation, UNSURE, at, doubtful=True)
                return
            early = note_gone_early(connection, generation)
            finish_recall(connection, generation, at)
            if early:
                stop_escaping(connection, mailing_id)
        case Waiting():
            # Not before all requests that were made in time have arrived or never will.
            if not obeys:
                fail_recall(connection, generation, TOO_LATE, at)
        case Declined(reason=reason, full=full):
            if not obeys:
                fail_recall(connection, generation, UNSURE, at, doubtful=True)
            else:
                _tell(connection, mailing_id, NO_SLOT if full else f"{TROUBLE}SendGrid refuses to cancel: {reason}")
        case Unreached(reason=reason):
            if at >= generation.send_at - LAST_ASK:
                _tell(connection, mailing_id, f"{TROUBLE}SendGrid cannot be asked whether it is cancelled: {reason}")
        case _:
            assert_never(found)


def _look_behind(connection: Connection, asked: Generation, found: Waiting | Declined | Unreached) -> None:
    """A process that stood still may have cancelled after another had given up: then the mail may be thrown away."""
    mailing = get_mailing(connection, asked.mailing_id)
    if found is not Waiting.CANCELLED or mailing is None or mailing.generation != asked.number:
        return
    if doubt(connection, asked, UNSURE):
        need_attention(connection, asked.mailing_id, UNSURE)


def _next(connection: Connection, mailing_id: int) -> list[Due]:
    mailing = get_mailing(connection, mailing_id)
    waits_for_id = mailing is not None and mailing.status is MailingStatus.STAGED and mailing.sendgrid_batch_id is None
    return [Due("stage_mailing", mailing_id, Queue.PROMPT)] if waits_for_id else []


def _tell(connection: Connection, mailing_id: int, reason: str) -> None:
    mailing = get_mailing(connection, mailing_id)
    if mailing is not None and mailing.needs_attention != reason:
        need_attention(connection, mailing_id, reason)
