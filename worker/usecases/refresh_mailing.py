"""Refresh a mailing: a launch it shows has closed since it was planned, so what is still pending is rendered anew.

Until that is done nothing of it goes. What the author has edited meanwhile is not let in by this door: then the mailing
is paused, and a person decides.
"""

from __future__ import annotations

from worker.domain.mailing import Queue
from worker.errors import BroadsheetError
from worker.store.engine import Engine, reading, write, writing
from worker.store.ledger.correct import newest_editions
from worker.store.ledger.due import database_clock
from worker.store.ledger.mailings import get_mailing, pause_mailing
from worker.store.ledger.refresh import due_for_refresh, refresh_pending
from worker.usecases.due import Due
from worker.usecases.plan_mailing import Prepare


def refresh_mailing(engine: Engine, mailing_id: int, prepare: Prepare) -> list[Due]:
    """Give what is pending the text without the closed launch. Nothing happens where there is nothing of the kind.

    Raises what `prepare` raises, once the mailing is paused with it. No transaction is open while it renders.
    """
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id) if mailing_id in due_for_refresh(connection) else None
        planned = newest_editions(connection, mailing_id)
    if mailing is None:
        return []
    try:
        editions, _rule = prepare(mailing)
    except BroadsheetError as problem:
        with writing(engine) as connection:
            pause_mailing(
                connection, mailing_id, f"a launch it shows has closed, and it could not be rendered anew: {problem}"
            )
        raise
    # An edition from before there were source hashes has none.
    edited = any(one.source_hash not in ("", editions[plan].source_hash) for plan, one in planned.items())
    if edited:
        with writing(engine) as connection:
            pause_mailing(
                connection,
                mailing_id,
                f"a launch it shows has closed, and its text was edited since it was planned: `broadsheet correct {mailing_id}` "
                f"takes the text as it is now, then `broadsheet resume {mailing_id}`",
            )
        return []
    with reading(engine) as connection:
        moment = max(database_clock(connection), mailing.send_at)
    if any(card.closes_at <= moment for one in editions.values() for card in one.cards):
        return []  # this host's clock is behind the database's; a later tick looks again
    write(engine, lambda connection: refresh_pending(connection, mailing_id, editions))
    return [Due("submit_batches", mailing_id, mailing.rules.queue)]


def refreshes_due(mailing_ids: list[int]) -> list[Due]:
    """The jobs for these mailings; prompt, for each holds up what is behind it."""
    return [Due("refresh_mailing", mailing_id, Queue.PROMPT) for mailing_id in mailing_ids]
