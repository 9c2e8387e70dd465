"""Makers: the rows a test needs, in one short call, through the store's own functions and with sensible defaults."""

import itertools
from datetime import UTC, datetime

from worker.domain.address import address_key
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.domain.suppression import Suppression, SuppressionReason
from worker.store.subscribers import NewSubscriber, add_subscriber, add_subscribers, by_address_keys
from worker.store.suppressions import suppress

NOW = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)  # a Monday; tests that need a time take this one
JOINED = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)

_numbers = itertools.count(1)


def make_subscriber(
    connection,
    plan="free",
    *,
    address=None,
    name="Ada Moreno",
    status="confirmed",
    tags=(),
    joined_at=JOINED,
    suppressed=None,
    **columns,
):
    """One Subscriber, fresh from the database; `suppressed` is a reason, such as "bounced".

    An address is invented where none is given. `columns`: language, zone, country, source.
    """
    new = _new(plan, address=address, name=name, status=status, tags=tags, joined_at=joined_at, **columns)
    subscriber, added = add_subscriber(connection, new)
    assert added, f"a test made {new.address} twice"
    if suppressed is not None:
        make_suppression(connection, new.address, suppressed)
    return subscriber


def make_subscribers(connection, count, plan="free", **same):
    """`count` Subscribers in one go, in the order they were made; keywords as for `make_subscriber`."""
    news = [_new(plan, **same) for _ in range(count)]
    assert add_subscribers(connection, news) == count
    found = by_address_keys(connection, [address_key(new.address) for new in news])
    return [found[address_key(new.address)] for new in news]


def make_suppression(connection, address, reason="bounced", at=JOINED, evidence="operator"):
    """Suppress an address, a subscriber's or nobody's."""
    suppress(connection, [Suppression(address_key(address), SuppressionReason(reason), at, evidence)])


def _new(plan, *, address=None, name="Ada Moreno", status="confirmed", tags=(), joined_at=JOINED, **columns):
    return NewSubscriber(
        address=address or f"reader{next(_numbers):07}@example.com",
        joined_at=joined_at,
        name=name,
        plan=Plan(plan),
        status=SubscriberStatus(status),
        tags=frozenset(tags),
        **columns,
    )
