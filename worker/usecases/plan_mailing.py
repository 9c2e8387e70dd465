"""Plan a mailing: render its editions, then freeze them with the audience in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from worker.domain.edition import Edition
from worker.domain.mailing import Mailing, Queue
from worker.domain.segment import Rule
from worker.domain.subscriber import Plan
from worker.errors import BroadsheetError
from worker.store.engine import Engine, reading, snapshot, writing
from worker.store.ledger.due import database_clock
from worker.store.ledger.lateness import decide_late
from worker.store.ledger.mailings import get_mailing, pause_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.usecases.due import Due

#: Renders a mailing's editions and names its segment's rule; raises BroadsheetError where the text cannot be used.
Prepare = Callable[[Mailing], tuple[Mapping[Plan, Edition], Rule]]


def plan_mailing(
    engine: Engine, mailing_id: int, prepare: Prepare, now: datetime, grace: timedelta | None = None
) -> list[Due]:
    """Plan a scheduled mailing; nothing happens where it is planned already, paused or cancelled.

    With `grace`, what missed its hour by more on the database's clock is decided first, as the clock does: a job that
    waited for days in the queue must not be faster than the clock.

    A text that cannot be rendered pauses the mailing with the reason instead of failing again on every tick. No
    transaction is open while it renders.
    """
    with writing(engine) as connection:
        if grace is not None:
            decide_late(connection, database_clock(connection), grace)
        if not begin_planning(connection, mailing_id):
            return []
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
    if mailing is None:
        return []
    try:
        editions, rule = prepare(mailing)
        with snapshot(engine) as connection:
            planned = freeze_audience(connection, mailing, rule, editions, now)
    except BroadsheetError as problem:
        with writing(engine) as connection:
            pause_mailing(connection, mailing_id, f"could not be planned: {problem}")
        raise
    if planned is None or planned.audience == 0:
        return []
    if mailing.stage_at is not None:
        return [Due("stage_mailing", mailing_id, Queue.PROMPT)]
    return [Due("submit_batches", mailing_id, mailing.rules.queue)]
