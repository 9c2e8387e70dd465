"""Watching for a restore: a database that has gone back is fenced, whoever notices first: the clock, a job, or a start.

Each look also raises this host's mark to what the database knows, so that a host which only looks on notices as well.
"""

from __future__ import annotations

import logging

from worker.logs import say
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.installation import Mark, fence

log = logging.getLogger("broadsheet.restore")

RESTORED = (
    "this database knows fewer submissions than were made: it was restored from a backup and could mail people again; "
    "compare it with SendGrid's activity, decide with `broadsheet reconcile SLUG` what went out, then run "
    "`broadsheet resume --after-restore`"
)


class Restored(Exception):
    """A start found that the database has gone back; its transaction is rolled back."""


def look_for_restore(engine: Engine, mark: Mark) -> bool:
    """Whether this database has gone back; then it is fenced. A mark that cannot be kept is only logged here."""
    with reading(engine) as connection:
        restored = mark.is_ahead_of(connection)
        if not restored:
            _catch_up(connection, mark)
    return restored and fence_if_restored(engine, mark)


def fence_if_restored(engine: Engine, mark: Mark) -> bool:
    """Look again, later: the first look's snapshot may be older than what another worker has committed and noted since."""
    with writing(engine) as connection:
        restored = mark.is_ahead_of(connection)
        if restored:
            fence(connection, RESTORED)
    return restored


def _catch_up(connection: Connection, mark: Mark) -> None:
    try:
        mark.catch_up(connection)
    except OSError as trouble:
        say(log, logging.ERROR, "mark not written", trouble=type(trouble).__name__)
