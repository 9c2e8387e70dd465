"""How long the longest values in the list are, so that a letter is measured as its longest reader would get it."""

from __future__ import annotations

from sqlalchemy import func, select

from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.tables import subscribers


def longest_values(connection: Connection) -> tuple[int, int] | None:
    """Characters of the longest name and of the longest referral code; None while nobody has confirmed."""
    row = connection.execute(
        select(func.max(func.length(subscribers.c.name)), func.max(func.length(subscribers.c.referral_code))).where(
            subscribers.c.status == SubscriberStatus.CONFIRMED
        )
    ).one()
    return None if row[0] is None else (int(row[0]), int(row[1]))
