"""Referrers: whose link it is, who lets their name stand on their link's page, and in which networks a reader was seen today.

A network is known by a keyed hash of it and the day, so yesterday's tells nothing about today's, and is soon gone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.store.consent import surviving
from worker.store.engine import Connection
from worker.store.subscribers import by_referral_code
from worker.store.tables import named_referrers, reader_networks


def referrer_by_code(connection: Connection, code: str) -> Subscriber | None:
    """Whose link carries this code: of a record that was merged, whoever goes on. None for nobody's and for an erased reader's."""
    found = by_referral_code(connection, code) if code.strip() else None
    referrer = surviving(connection, found.id) if found is not None else None
    return None if referrer is None or referrer.status is SubscriberStatus.ERASED else referrer


def set_named(connection: Connection, subscriber_id: int, agrees: bool, now: datetime) -> None:
    """Whether a reader's first name may stand on their link's page."""
    if agrees:
        values = {"subscriber_id": subscriber_id, "agreed_at": now}
        connection.execute(_insert(connection, named_referrers).values(values).on_conflict_do_nothing())
    else:
        connection.execute(delete(named_referrers).where(named_referrers.c.subscriber_id == subscriber_id))


def is_named(connection: Connection, subscriber_id: int) -> bool:
    """Whether they agreed to that."""
    query = select(named_referrers.c.subscriber_id).where(named_referrers.c.subscriber_id == subscriber_id)
    return connection.execute(query).first() is not None


def note_network(connection: Connection, subscriber_id: int, network: str, now: datetime) -> None:
    """A reader was seen in this network (a hash; empty: it is not known)."""
    if network:
        values = {"subscriber_id": subscriber_id, "network": network, "seen_at": now}
        connection.execute(_insert(connection, reader_networks).values(values).on_conflict_do_nothing())


def was_seen_in(connection: Connection, subscriber_id: int, network: str) -> bool:
    """Whether they were."""
    seen = exists().where(reader_networks.c.subscriber_id == subscriber_id, reader_networks.c.network == network)
    return bool(network) and bool(connection.execute(select(seen)).scalar_one())


def forget_networks(connection: Connection, before: datetime) -> int:
    """Remove what was seen before then; how many rows."""
    return connection.execute(delete(reader_networks).where(reader_networks.c.seen_at < before)).rowcount


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)
