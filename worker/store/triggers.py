"""Triggers: what happened to a reader, kept until the clock has enrolled them in what answers it.

Written in the very transaction that made it happen, so neither is there without the other, whatever dies.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert

from worker.domain.trigger import Trigger
from worker.store.engine import Connection
from worker.store.tables import triggers


def note_trigger(
    connection: Connection, event: Trigger, subscriber_id: int, happened_at: datetime, occurrence: str = ""
) -> None:
    """Note that this happened. Noting the same occurrence again enrolls nobody twice."""
    connection.execute(
        insert(triggers).values(
            event=event, subscriber_id=subscriber_id, occurrence=occurrence, happened_at=happened_at
        )
    )
