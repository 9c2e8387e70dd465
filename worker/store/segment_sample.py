"""Some of those a segment picks, to look at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from worker.domain.mailing import MailingKind
from worker.domain.segment import Rule
from worker.store.engine import Connection
from worker.store.ledger.eligibility import Asking, skip_reason
from worker.store.segments import where
from worker.store.tables import subscribers, suppressions


def sample_addresses(connection: Connection, rule: Rule, now: datetime, most: int) -> list[str]:
    """Up to `most` of those whom the rule picks and a broadcast would reach, at random, in the order of addresses."""
    query = (
        select(subscribers.c.address)
        .outerjoin(suppressions, suppressions.c.address_key == subscribers.c.address_key)
        .where(skip_reason(Asking(MailingKind.BROADCAST)).is_(None), where(rule, now))
        .order_by(func.random())
        .limit(most)
    )
    return sorted(connection.execute(query).scalars())
