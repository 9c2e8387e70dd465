"""Referrers: whose link it is, who lets their name stand on their link's page, and in which networks a reader was seen today.

A network is known by a keyed hash of it and the day, so yesterday's tells nothing about today's, and is soon gone.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, exists, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.store.consent import surviving
from worker.store.engine import Connection
from worker.store.subscribers import by_referral_code
from worker.store.tables import named_referrers, reader_networks, referrals, signups


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


def networks_are_left(connection: Connection, before: datetime) -> bool:
    """Whether anything of before then is there for `forget_networks`: three looks at indexes, or at next to nothing."""
    return bool(connection.execute(select(or_(*(exists().where(*one) for one in _old(before).values())))).scalar_one())


def forget_networks(connection: Connection, before: datetime) -> int:
    """Remove in which networks anybody was seen, or signed up, before then, whatever became of it; how many rows."""
    old = _old(before)
    forgotten = connection.execute(delete(reader_networks).where(*old[reader_networks])).rowcount
    forgotten += connection.execute(update(referrals).where(*old[referrals]).values(network=None)).rowcount
    return forgotten + connection.execute(update(signups).where(*old[signups]).values(network="")).rowcount


def forget_networks_of(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """The same for these readers, at once."""
    ids = sorted(subscriber_ids)
    connection.execute(delete(reader_networks).where(reader_networks.c.subscriber_id.in_(ids)))
    connection.execute(update(referrals).where(referrals.c.referred_id.in_(ids)).values(network=None))


def _old(before: datetime) -> dict[Table, tuple[ColumnElement[bool], ...]]:
    return {
        reader_networks: (reader_networks.c.seen_at < before,),
        referrals: (referrals.c.network.is_not(None), referrals.c.recorded_at < before),
        signups: (signups.c.network != "", signups.c.asked_at < before),
    }


def _insert(connection: Connection, table: Table) -> Any:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(table)
