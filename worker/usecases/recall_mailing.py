"""Recall a mailing: ask SendGrid to cancel, ask what it understood, and only then move the ledger.

Run again after a crash at any line, it goes on where it was. No transaction is open during a call.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from worker.domain.mailing import MailingStatus, Queue
from worker.domain.staging import LAST_ASK, Generation, GenerationState
from worker.providers.scheduled import Declined, Done, Scheduler, Unreached, Waiting
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.ledger.due import database_clock
from worker.store.ledger.mailings import get_mailing, need_attention
from worker.store.ledger.recall import (
    begin_cancelling,
    call_in_flight,
    due_for_freeing,
    fail_recall,
    finish_recall,
    note_freed,
    recalled_generation,
)
from worker.usecases.due import Due

TOO_LATE = "SendGrid did not confirm in time that the mail is cancelled: what was handed over goes at its hour"
NO_SLOT = "all ten of the account's cancellations are in use; free one in SendGrid, or what was handed over goes"


def recall_mailing(engine: Engine, scheduler: Scheduler, mailing_id: int, now: datetime | None = None) -> list[Due]:
    """Take back what waits at SendGrid for a mailing that is `recalling`; returns what to enqueue next."""
    with writing(engine) as connection:
        generation = _begin(connection, mailing_id, now)
    if generation is None:
        return []
    found = scheduler.read(generation.sendgrid_batch_id)
    if found in (Waiting.GOES, Waiting.PAUSED):
        found = _ask(engine, scheduler, generation, now) or found
    with writing(engine) as connection:
        return _settle(connection, generation, found, now or database_clock(connection))


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
    at = now or database_clock(connection)
    generation = recalled_generation(connection, mailing_id)
    if generation is None or generation.state is not GenerationState.OPEN:
        return generation
    if at >= generation.send_at - LAST_ASK:
        fail_recall(connection, generation, TOO_LATE, at)
        return None
    if call_in_flight(connection, mailing_id):
        return None  # it is settled or swept within a lease
    if not begin_cancelling(connection, generation, at):
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
            return scheduler.read(generation.sendgrid_batch_id)
        case Declined():
            return answer
        case Unreached():
            return answer
        case _:
            assert_never(answer)


def _settle(
    connection: Connection, generation: Generation, found: Waiting | Declined | Unreached, at: datetime
) -> list[Due]:
    mailing_id = generation.mailing_id
    match found:
        case Waiting.CANCELLED:
            finish_recall(connection, generation, at)
            mailing = get_mailing(connection, mailing_id)
            again = mailing is not None and mailing.status is MailingStatus.STAGED
            return [Due("stage_mailing", mailing_id, Queue.PROMPT)] if again else []
        case Waiting():
            if at >= generation.send_at - LAST_ASK:
                fail_recall(connection, generation, TOO_LATE, at)
        case Declined(reason=reason, full=full):
            _tell(connection, mailing_id, NO_SLOT if full else f"SendGrid refused to cancel: {reason}")
        case Unreached(reason=reason):
            if at >= generation.send_at - LAST_ASK:
                _tell(connection, mailing_id, f"SendGrid cannot be asked whether the mail is cancelled: {reason}")
        case _:
            assert_never(found)
    return []


def _tell(connection: Connection, mailing_id: int, reason: str) -> None:
    mailing = get_mailing(connection, mailing_id)
    if mailing is not None and mailing.needs_attention != reason:
        need_attention(connection, mailing_id, reason)
