"""One tick of the clock: end plans, sweep, verify referrals, advance the follow-ups, raise alerts, and derive from the ledger what is due.

Everything here is a conditional update or a unique key, so ticking twice, on two hosts, changes nothing. Two that tick at
once, or a tick and a job, may wait for each other's rows; PostgreSQL ends one of them, and that tick begins again.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from worker.domain.mailing import KINDS, Queue
from worker.domain.pace import UNLIMITED, Pace
from worker.errors import SettingsError
from worker.logs import say
from worker.store.engine import Engine, again, reading, writing
from worker.store.installation import fenced_reason
from worker.store.ledger.due import database_clock, due_for_planning, due_for_submitting
from worker.store.ledger.lateness import decide_late
from worker.store.ledger.recall import due_for_recall
from worker.store.ledger.refresh import due_for_refresh
from worker.store.ledger.slots import due_for_freeing
from worker.store.ledger.staging import due_for_id, leave_late
from worker.store.ledger.sweep import sweep
from worker.usecases.advance_followups import advance_followups
from worker.usecases.content import Content
from worker.usecases.due import Due
from worker.usecases.end_plans import end_due_plans
from worker.usecases.forget_old_networks import forget_old_networks
from worker.usecases.lift_suppressions import lift_due
from worker.usecases.note_launches import note_launches
from worker.usecases.push_suppressions import push_due
from worker.usecases.raise_alerts import raise_alerts
from worker.usecases.rederive_hours import rederive_hours
from worker.usecases.refresh_mailing import refreshes_due
from worker.usecases.review_pace import in_turn, review_blocks
from worker.usecases.stage_mailing import decide_uncertain
from worker.usecases.sync_suppressions import sync_due
from worker.usecases.take_signups import signups_due
from worker.usecases.verify_referrals import verify_referrals

log = logging.getLogger("broadsheet.referrals")


def tick(
    engine: Engine,
    content: Content,
    *,
    now: datetime | None = None,
    batch_size: int,
    lanes: int,
    pace: Pace = UNLIMITED,
    alert_address: str = "",
    lists: bool = False,
) -> list[Due]:
    """What should be enqueued now. `now` is the database's clock unless given (a demo turns it).

    `lanes` is how many jobs may usefully submit one broadcast at once; `alert_address` is told what needs attention.
    `lists`: keep SendGrid's suppression lists and ours together.
    """
    with reading(engine) as connection:
        at = now or database_clock(connection)
    again(partial(_move, engine, content, at, batch_size, pace, alert_address))
    with reading(engine) as connection:
        if fenced_reason(connection) is not None:
            return []
        synced = [*lift_due(connection, at), *push_due(connection, at), *sync_due(connection, at)] if lists else []
        synced += signups_due(connection)
        staging = [Due("stage_mailing", mailing_id, Queue.PROMPT) for mailing_id in due_for_id(connection)]
        staging += [Due("recall_mailing", mailing_id, Queue.PROMPT) for mailing_id in due_for_recall(connection)]
        staging += [
            Due("free_generations", one.mailing_id, Queue.PROMPT) for one in due_for_freeing(connection, at)[:1]
        ]
        plans = refreshes_due(due_for_refresh(connection))
        plans += [
            Due("plan_mailing", due.mailing_id, KINDS[due.kind].queue) for due in due_for_planning(connection, at)
        ]
        return [*synced, *staging, *plans] + [
            Due("submit_batches", due.mailing_id, queue, min(due.pending, lanes) if queue is Queue.BULK else 1)
            for due in in_turn(connection, pace, due_for_submitting(connection))
            for queue in (KINDS[due.kind].queue,)
        ]


def _move(engine: Engine, content: Content, at: datetime, batch_size: int, pace: Pace, alert_address: str) -> None:
    note_launches(engine, content.launches.values())
    rederive_hours(engine, content.publication, at)
    end_due_plans(engine, content.publication.slot.zone, at)
    with writing(engine) as connection:
        leave_late(connection, at)
        decide_late(connection, at, content.publication.late.grace)
        sweep(connection, at)
        decide_uncertain(connection, at, pace.steady(at))  # also what was swept just now
    try:
        verify_referrals(engine, content.publication.referral, content.publication.slot.zone, at)
    except SettingsError as wrong:  # nobody can tell who was here before: friends wait, and nothing else does
        say(log, logging.ERROR, "referrals wait", problem=wrong.what)
    forget_old_networks(engine, at)
    advance_followups(engine, content, at, batch_size)
    raise_alerts(engine, alert_address, at, content.unreadable)
    review_blocks(engine, pace, batch_size)
