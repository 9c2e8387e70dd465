"""Opt-outs that the provider's own list may not know yet, and which it is known to have."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select, text, update

from worker.domain.mailing import MailingStatus
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.tables import UNPUSHED, generations, mailings, returns, subscribers, suppressions

CHUNK = 500
Place = tuple[datetime, str]

_RETURNING = exists().where(returns.c.address_key == suppressions.c.address_key)
_UNPUSHED = and_(text(UNPUSHED), ~_RETURNING)  # the first as the index has it
_WAITING = (MailingStatus.STAGED, MailingStatus.RECALLING)


def unpushed(connection: Connection, after: Place | None, limit: int) -> list[Place]:
    """The next opt-outs that are not known there, oldest first: (since when, address key)."""
    at, key = suppressions.c.suppressed_at, suppressions.c.address_key
    query = select(at, key).where(_UNPUSHED).order_by(at, key).limit(limit)
    if after is not None:
        query = query.where(or_(at > after[0], and_(at == after[0], key > after[1])))
    return [(row[0], row[1]) for row in connection.execute(query)]


def count_unpushed(connection: Connection) -> int:
    """How many opt-outs are not known there."""
    found: int = connection.execute(select(func.count()).select_from(suppressions).where(_UNPUSHED)).scalar_one()
    return found


def is_unpushed(connection: Connection, address_key: str) -> bool:
    """Whether this address has opted out and that is not known there."""
    query = select(1).select_from(suppressions).where(_UNPUSHED, suppressions.c.address_key == address_key)
    return connection.execute(query).first() is not None


def anything_unpushed(connection: Connection) -> bool:
    """Whether there is one at all."""
    return connection.execute(select(1).select_from(suppressions).where(_UNPUSHED).limit(1)).first() is not None


def mark_pushed(connection: Connection, address_keys: Collection[str], at: datetime) -> None:
    """The provider's list has these."""
    keys = sorted(address_keys)
    for start in range(0, len(keys), CHUNK):
        connection.execute(
            update(suppressions)
            .where(suppressions.c.address_key.in_(keys[start : start + CHUNK]), suppressions.c.pushed_at.is_(None))
            .values(pushed_at=at)
        )


def mail_waits(connection: Connection, now: datetime) -> bool:
    """Whether mail waits at the provider for an hour still to come, so that leaving must be known there at once."""
    waiting = exists().where(mailings.c.status.in_(_WAITING))
    opened = exists().where(generations.c.state.in_(("open", "cancelling")), generations.c.send_at > now)
    return bool(connection.execute(select(or_(waiting, opened))).scalar_one())


def consents(connection: Connection, address_keys: Collection[str]) -> dict[str, datetime]:
    """Since when those among `address_keys` who are confirmed, and whom nothing suppresses, have said yes themselves.

    An import's word is not theirs: who left on a list kept elsewhere may stand in the file all the same.
    """
    keys, found = sorted(address_keys), {}
    for start in range(0, len(keys), CHUNK):
        query = select(subscribers.c.address_key, subscribers.c.confirmed_at).where(
            subscribers.c.address_key.in_(keys[start : start + CHUNK]),
            subscribers.c.status == SubscriberStatus.CONFIRMED,
            subscribers.c.confirmed_at.is_not(None),
            subscribers.c.source.not_like("import:%"),
            ~exists().where(suppressions.c.address_key == subscribers.c.address_key, ~_RETURNING),
        )
        found.update({row.address_key: row.confirmed_at for row in connection.execute(query)})
    return found
