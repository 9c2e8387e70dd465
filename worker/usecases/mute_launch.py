"""Mute a launch: a reader wants to hear no more of it, and stays. They may take it back. The ledger reads both again just
before each call."""

from __future__ import annotations

from datetime import datetime

from worker.domain.subscriber import SubscriberStatus
from worker.store.consent import surviving
from worker.store.engine import Connection, Engine, write
from worker.store.launches import mute, unmute


def mute_launch(engine: Engine, launch_id: str, subscriber_id: int, now: datetime) -> bool:
    """True if this call muted it. A subscriber who is not here any more changes nothing."""
    return _change(engine, launch_id, subscriber_id, now)


def hear_launch(engine: Engine, launch_id: str, subscriber_id: int) -> bool:
    """Take it back; True if this call did."""
    return _change(engine, launch_id, subscriber_id, None)


def _change(engine: Engine, launch_id: str, subscriber_id: int, muted_at: datetime | None) -> bool:
    def change(connection: Connection) -> bool:
        subscriber = surviving(connection, subscriber_id)
        if subscriber is None or subscriber.status is SubscriberStatus.ERASED:
            return False
        if muted_at is None:
            return unmute(connection, launch_id, subscriber.id)
        return mute(connection, launch_id, subscriber.id, muted_at)

    return write(engine, change)
