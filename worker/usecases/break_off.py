"""Breaking off: what happens to a batch where something is raised before its call. Nothing has left the house.

The batch is given back and counted (worker/store/ledger/set_aside.py), so that one row nobody can write for does not stop
the mailing, and is not tried for ever. Trouble of the database that may pass is not the batch's: it ends the job.
"""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path

from worker.domain.delivery import ClaimedBatch, StartedBatch
from worker.domain.pace import Taken
from worker.logs import say
from worker.store.engine import DatabaseError, may_pass, writing
from worker.store.ledger.mailings import pause_mailing
from worker.store.ledger.set_aside import count_broken_claim
from worker.store.ledger.settle import settle_pending
from worker.store.pace import return_tokens
from worker.usecases.desk import Desk

log = logging.getLogger("broadsheet.submit")


def may_pass_by_itself(broken: Exception) -> bool:
    """Whether it is the database's trouble, not the batch's."""
    return isinstance(broken, DatabaseError) and may_pass(broken)


def break_off(desk: Desk, batch: ClaimedBatch, broken: Exception) -> None:
    """Give back a claim that broke off, and count it."""
    why = where_of(broken)
    with writing(desk.engine) as connection:
        set_aside = count_broken_claim(connection, batch, why)
    say(log, logging.ERROR, "batch broke off", batch=batch.id, why=why, set_aside=set_aside)


def call_off(desk: Desk, started: StartedBatch, taken: Taken, broken: Exception) -> None:
    """Take back a start after which nothing was called for. A mark that cannot be written stops the mailing.

    For without the mark a restored database could not be told from this one.
    """
    why = where_of(broken)
    with writing(desk.engine) as connection:
        return_tokens(connection, taken, len(started.recipients))
        settle_pending(connection, started, "not_sent", datetime.now(UTC), not_before=None, problem=why)
        if isinstance(broken, OSError):
            reason = f"STATE_DIR cannot be written: {broken.strerror or type(broken).__name__}. Mend it, then resume"
            pause_mailing(connection, desk.mailing.id, reason)
        else:
            count_broken_claim(connection, started.batch, why)
    say(log, logging.ERROR, "start called off", batch=started.batch.id, why=why)


def where_of(broken: Exception) -> str:
    """What was raised and at which line. Its own words are left out: they may quote a name or an address."""
    frames = traceback.extract_tb(broken.__traceback__)
    return f"{type(broken).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
