"""The demo's turned clock: which hour is the next at which something happens."""

from __future__ import annotations

from datetime import datetime, timedelta

from worker.context import Context
from worker.store.engine import Connection
from worker.store.followups.due import next_due
from worker.store.referrals import next_to_count


def next_hour(context: Context, connection: Connection) -> datetime | None:
    """When the next step goes, or the next friend counts, which may make one due; None: nothing waits."""
    confirmed_at = next_to_count(connection)
    counts = None if confirmed_at is None else confirmed_at + timedelta(days=context.publication.referral.days)
    return min((one for one in (next_due(connection), counts) if one is not None), default=None)
