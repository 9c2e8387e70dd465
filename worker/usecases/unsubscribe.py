"""Unsubscribe: a reader leaves by their own link, at once and until they say otherwise. Repeating it changes nothing.

Deliveries are not touched: `start` in the ledger reads consent again just before each call.
"""

from __future__ import annotations

from datetime import datetime

from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import Suppression, SuppressionReason
from worker.store.consent import hold_surviving
from worker.store.engine import Connection, Engine, write
from worker.store.suppressions import suppress


def unsubscribe(engine: Engine, subscriber_id: int, now: datetime, evidence: str = "link") -> bool:
    """Suppress the subscriber's address and set their status; True if this call was what changed it.

    The link of a record that was merged into another one leaves for that one. Somebody erased or unknown has no address
    here any more: nothing is left to do, and that is no error.
    """

    def leave(connection: Connection) -> bool:
        subscriber = hold_surviving(connection, subscriber_id)
        if subscriber is None or not subscriber.address_key:
            return False
        left = Suppression(subscriber.address_key, SuppressionReason.UNSUBSCRIBED, now, evidence)
        suppress(connection, [left])
        return subscriber.status is not SubscriberStatus.UNSUBSCRIBED

    return write(engine, leave)
