"""Operator changes: what an operator writes into a subscriber's record on the reader's word."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, literal, select, update
from sqlalchemy.exc import IntegrityError

from worker.domain.address import address_key, referral_key
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.merge import carry_no
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


def carry_opt_out(connection: Connection, subscriber_id: int, new_key: str, now: datetime) -> None:
    """Whoever left under the address they have has left under their next one too."""
    row = connection.execute(select(subscribers).where(subscribers.c.id == subscriber_id)).one()
    carry_no(connection, row, new_key, now)


def move_address(connection: Connection, subscriber_id: int, old_key: str, address: str) -> bool:
    """Write somebody's new address; False where another subscriber has it, or they have another one than `old_key` by now."""
    moving = (
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.address_key == old_key)
        .values(address=address, address_key=address_key(address), referral_key=referral_key(address))
    )
    try:
        with connection.begin_nested():
            return connection.execute(moving).rowcount == 1
    except IntegrityError:
        return False
