"""End plans: paid time whose end has come makes its reader a free one, some on each tick.

A mailing planned before keeps the edition it was planned with.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial

from worker.logs import say
from worker.store.engine import Connection, Engine, reading, write
from worker.store.grants import end_plans, plans_past_their_end
from worker.store.ledger.due import database_clock

log = logging.getLogger("broadsheet.plans")

MOST = 200  # people in one tick
_CHUNK = 50  # in one transaction


def end_every_due_plan(engine: Engine, zone: str, now: datetime | None = None) -> None:
    """End all of them, before a mailing is planned: else the next reader of a midnight's thousand still got paid words.

    `now` None is the database's clock, for a host's own may be hours ahead.
    """
    with reading(engine) as connection:
        at = now or database_clock(connection)
        due = len(plans_past_their_end(connection, at, None))
    for _ in range(0, due, MOST):
        end_due_plans(engine, zone, at)


def end_due_plans(engine: Engine, zone: str, now: datetime) -> int:
    """Look at up to MOST of those whose end has come; returns how many. Running it twice, or on two hosts, changes nothing."""
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        ids = sorted(plans_past_their_end(connection, now, MOST))

    for start in range(0, len(ids), _CHUNK):
        write(engine, partial(_end, ids[start : start + _CHUNK], zone, now))
    if ids:
        say(log, logging.INFO, "plans ended", looked_at=len(ids))
    return len(ids)


def _end(ids: list[int], zone: str, now: datetime, connection: Connection) -> None:
    for subscriber_id in ids:
        end_plans(connection, subscriber_id, zone, now)
