"""Plan a mailing: render its editions, then freeze them with the audience in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from worker.domain.edition import Edition
from worker.domain.mailing import Mailing, Queue
from worker.domain.segment import Rule
from worker.domain.subscriber import Plan
from worker.errors import BroadsheetError
from worker.store.engine import DatabaseError, Engine, is_overtaken, reading, snapshot, writing
from worker.store.ledger.due import database_clock, is_due_for_planning
from worker.store.ledger.lateness import decide_late
from worker.store.ledger.mailings import get_mailing, pause_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.usecases.due import Due

#: Renders a mailing's editions and names its segment's rule; raises BroadsheetError where the text cannot be used.
Prepare = Callable[[Mailing], tuple[Mapping[Plan, Edition], Rule]]


def plan_mailing(
    engine: Engine,
    mailing_id: int,
    prepare: Prepare,
    now: datetime,
    grace: timedelta | None = None,
    at: datetime | None = None,
) -> list[Due]:
    """Plan a scheduled mailing; nothing happens where it is planned already, paused or cancelled.

    With `grace` (in a job) the clock decides as it does at each tick: what missed its hour by more is late, and nothing is
    planned before its time. A job is a hint, whoever enqueued it and however long it waited. `at` is the moment this goes
    by; None is now on the database's clock, for a host's own may be hours ahead.

    A text that cannot be rendered pauses the mailing with the reason instead of failing again on every tick. No
    transaction is open while it renders.
    """
    with writing(engine) as connection:
        if grace is not None:
            at = at or database_clock(connection)
            decide_late(connection, at, grace)
            if not is_due_for_planning(connection, mailing_id, at):
                return []
        attempt = begin_planning(connection, mailing_id)
    if not attempt:
        return []
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
    if mailing is None:
        return []
    try:
        editions, rule = prepare(mailing)
        with snapshot(engine) as connection:
            planned = freeze_audience(connection, mailing, rule, editions, now, attempt)
    except DatabaseError as trouble:
        if is_overtaken(trouble):  # paused, cancelled or planned elsewhere at this moment: the clock looks again
            return []
        raise
    except BroadsheetError as problem:
        with writing(engine) as connection:
            pause_mailing(connection, mailing_id, f"could not be planned: {problem}")
        raise
    if planned is None or planned.audience == 0:
        return []
    if mailing.stage_at is not None:
        return [Due("stage_mailing", mailing_id, Queue.PROMPT)]
    return [Due("submit_batches", mailing_id, mailing.rules.queue)]
