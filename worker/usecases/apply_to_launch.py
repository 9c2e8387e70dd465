"""Apply to a launch: a reader pressed the button on their own page. That converts them, once; no link ever does."""

from __future__ import annotations

from datetime import datetime

from worker.domain.subscriber import SubscriberStatus
from worker.store.consent import surviving
from worker.store.engine import Connection, Engine, write
from worker.store.launches import convert


def apply_to_launch(engine: Engine, launch_id: str, subscriber_id: int, now: datetime) -> bool:
    """Record the application; True if it is new. A subscriber who is not here any more changes nothing."""

    def apply(connection: Connection) -> bool:
        subscriber = surviving(connection, subscriber_id)
        if subscriber is None or subscriber.status is SubscriberStatus.ERASED:
            return False
        return convert(connection, launch_id, subscriber.id, "applied", now)

    return write(engine, apply)
