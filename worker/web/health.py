"""For a machine that watches this one: alive is this process, ready is everything it stands on."""

from __future__ import annotations

import logging
from datetime import timedelta

from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError

from worker.errors import BroadsheetError
from worker.logs import say
from worker.store.clock_lease import since_last_tick
from worker.store.engine import DatabaseError, reading
from worker.web.site import Site

log = logging.getLogger("broadsheet.web")

LATE_TICKS = 10  # a clock this many ticks late is not running; a standby takes over much sooner
LATE_SECONDS = 30.0  # and never less than this


def alive(_: Site) -> ResponseReturnValue:
    """200 as long as this process answers."""
    return {"alive": True}


def ready(site: Site) -> ResponseReturnValue:
    """200 with every part true, 503 where one is not: `database`, `queue`, `clock`."""
    database, clock = _database_and_clock(site)
    parts = {"database": database, "queue": _queue(site), "clock": clock}
    return {"ready": all(parts.values()), **parts}, 200 if all(parts.values()) else 503


def _database_and_clock(site: Site) -> tuple[bool, bool]:
    try:
        with reading(site.context.engine) as connection:
            since = since_last_tick(connection)
    except DatabaseError as trouble:
        say(log, logging.ERROR, "database not reachable", trouble=type(trouble).__name__)
        return False, False
    late = timedelta(seconds=max(LATE_SECONDS, LATE_TICKS * site.context.settings.tick_seconds))
    return True, since is not None and since <= late


def _queue(site: Site) -> bool:
    try:
        return bool(site.context.queue.redis.ping())
    except (RedisError, BroadsheetError) as trouble:
        say(log, logging.ERROR, "queue not reachable", trouble=type(trouble).__name__)
        return False
