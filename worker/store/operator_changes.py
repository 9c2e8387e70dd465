"""Operator changes: what an operator writes into a subscriber's record on the reader's word."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, literal, update

from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.subscribers import set_status
from worker.store.tables import subscribers

SOURCE = "operator"


def vouch(connection: Connection, subscriber_id: int, consent: str, now: datetime) -> bool:
    """Confirm a pending subscriber whose consent an operator has proof of; False for one who is not pending."""
    pending = (subscribers.c.id == subscriber_id, subscribers.c.status == SubscriberStatus.PENDING)
    noted = update(subscribers).where(*pending).values(source=SOURCE, consent=consent)
    if connection.execute(noted).rowcount != 1:
        return False
    return set_status(connection, subscriber_id, SubscriberStatus.CONFIRMED, now)


def add_consent(connection: Connection, subscriber_id: int, words: str) -> None:
    """Write one more thing down about what somebody agreed to, behind what stands there."""
    kept = subscribers.c.consent
    longer = case((kept == "", literal(words)), else_=kept + literal(f"; {words}"))
    connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(consent=longer))
