"""When a mailing reaches the last of its readers, as far as that can be foreseen: what its text says must hold then.

A letter that waits at SendGrid is rendered before its hour, one at local hours before the last reader's.
"""

from __future__ import annotations

from datetime import datetime

from worker.domain.mailing import Mailing
from worker.domain.segment import Rule
from worker.store.engine import Engine, reading
from worker.store.ledger.local_hours import count_hours


def reaching_hour(engine: Engine, mailing: Mailing, rule: Rule, now: datetime) -> datetime:
    """The later of now and its hour; at local hours that of its last reader."""
    if not mailing.local_hour:
        return max(now, mailing.send_at)
    with reading(engine) as connection:
        hours = count_hours(connection, rule, datetime.fromisoformat(mailing.wall_time), mailing.zone)
    return max(now, mailing.send_at, *hours)
