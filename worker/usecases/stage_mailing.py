"""Stage a planned mailing: reserve a batch id at SendGrid, under which its mail waits for the hour."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from worker.domain.mailing import Queue
from worker.domain.staging import RecallTo, decide_by
from worker.providers.scheduled import Declined, Reserved, Scheduler, Unreached
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.ledger.due import database_clock
from worker.store.ledger.recall import begin_recall, due_for_decision
from worker.store.ledger.staging import leave_staging, may_stage, open_under
from worker.usecases.due import Due


def stage_mailing(engine: Engine, scheduler: Scheduler, mailing_id: int, now: datetime | None = None) -> list[Due]:
    """Give a staged mailing the batch id it still needs; repeating it reserves nothing more. Returns what to enqueue.

    A crash after the call leaves an id that nobody uses. Where SendGrid declines, the mailing goes at its hour, unstaged.
    """
    with reading(engine) as connection:
        if not may_stage(connection, mailing_id, now or database_clock(connection)):
            return []
    answer = scheduler.reserve()
    with writing(engine) as connection:
        match answer:
            case Reserved(batch_id):
                opened = open_under(connection, mailing_id, batch_id, now or database_clock(connection))
                return [Due("submit_batches", mailing_id, Queue.BULK)] if opened else []
            case Declined(reason=reason):
                leave_staging(connection, mailing_id, f"cannot be staged ({reason}); it goes at its hour instead")
                return []
            case Unreached():
                return []  # the clock offers it again
            case _:
                assert_never(answer)


def decide_uncertain(connection: Connection, now: datetime, per_second: float | None = None) -> None:
    """Take back staged mailings with uncertain batches, so that all of them are handed over once more.

    All uncertain batches of a generation together, once: when nothing else of it is open, and at the latest when there
    is just time to take everything back and hand it over again.
    """
    for mailing_id, audience, send_at, idle in due_for_decision(connection):
        if idle or now >= decide_by(send_at, audience, per_second):
            begin_recall(connection, mailing_id, RecallTo.STAGED)
