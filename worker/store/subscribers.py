"""Subscribers: who opted in, added once per address and read back as domain values.

Adding never changes somebody who is already there, whatever became of them: nobody is brought back by a second
sign-up, an import or a race. It must not know mailings, nor why a subscriber is added.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, TextClause, func, literal, select, update

from worker.domain.address import address_key
from worker.domain.referral_code import as_typed
from worker.domain.subscriber import Plan, Subscriber, SubscriberStatus, Wants, cut_name
from worker.store.engine import Connection
from worker.store.erased import forget_erasure
from worker.store.instants import to_millis
from worker.store.new_subscribers import CHUNK, CODE_ALPHABET, NewSubscriber, add_subscribers, add_tags
from worker.store.rows import among, encode_rows, rows_source, statement
from worker.store.tables import subscriber_tags, subscribers

__all__ = [
    "CODE_ALPHABET",
    "NewSubscriber",
    "add_subscriber",
    "add_subscribers",
    "add_tags",
    "by_address_key",
    "by_address_keys",
    "by_id",
    "by_referral_code",
    "confirm_pending",
    "count_confirmed",
    "each_subscriber",
    "set_status",
    "subscriber_pages",
    "update_subscriber",
    "update_subscribers",
]  # adding has a module of its own

_TEXTS = ("name", "plan", "language", "zone", "country", "plan_source", "stripe_id", "referrer", "consent", "wants")
_TIMES = ("plan_ends_at", "paused_until")
_NEVER = -(2**62)  # stands for NULL where a time is taken away; a missing one leaves the column alone


def add_subscriber(connection: Connection, new: NewSubscriber) -> tuple[Subscriber, bool]:
    """Add one subscriber; returns who has that address now, and whether the row is new.

    Somebody already there is returned as they are. Raises ValueError for what cannot be an address.
    """
    added = add_subscribers(connection, [new]) == 1
    found = by_address_key(connection, address_key(new.address))
    assert found is not None  # noqa: S101  the insert either made the row or met it
    return found, added


def by_id(connection: Connection, subscriber_id: int) -> Subscriber | None:
    """The subscriber with this id."""
    return _one(connection, subscribers.c.id == subscriber_id)


def by_address_key(connection: Connection, key: str) -> Subscriber | None:
    """The subscriber with this address key (see worker.domain.address)."""
    return _one(connection, subscribers.c.address_key == key)


def by_referral_code(connection: Connection, code: str) -> Subscriber | None:
    """The subscriber whose referral link carries this code, however it was typed: in capitals, with o for 0.

    One that came with an import may itself have capitals; what stands there letter for letter comes first.
    """
    for spelling in as_typed(code):
        if (found := _one(connection, subscribers.c.referral_code == spelling)) is not None:
            return found
    return None


def by_address_keys(connection: Connection, keys: Collection[str]) -> dict[str, Subscriber]:
    """Those among `keys` who are subscribers, by address key."""
    ordered, found = sorted(keys), {}
    for start in range(0, len(ordered), CHUNK):
        query = select(subscribers).where(among(connection, subscribers.c.address_key, ordered[start : start + CHUNK]))
        found.update({one.address_key: one for one in _with_tags(connection, connection.execute(query).all())})
    return found


def each_subscriber(connection: Connection, where: ColumnElement[bool] | None = None) -> Iterator[Subscriber]:
    """Every subscriber in the order of their ids, a thousand in memory at a time; `where` narrows it."""
    for page in subscriber_pages(connection, where):
        yield from page


def subscriber_pages(connection: Connection, where: ColumnElement[bool] | None = None) -> Iterator[list[Subscriber]]:
    """The same, a thousand at a time."""
    last = 0
    while True:  # by key rather than one long cursor: the caller may write or commit in between
        query = select(subscribers).where(subscribers.c.id > last).order_by(subscribers.c.id).limit(CHUNK)
        rows = connection.execute(query if where is None else query.where(where)).all()
        if not rows:
            return
        yield _with_tags(connection, rows)
        last = rows[-1].id


def count_confirmed(connection: Connection) -> int:
    """How many subscribers are confirmed; the goal block shows this number."""
    query = select(func.count()).where(subscribers.c.status == SubscriberStatus.CONFIRMED)
    return int(connection.execute(query).scalar_one())


def set_status(connection: Connection, subscriber_id: int, status: SubscriberStatus, now: datetime) -> bool:
    """Give a subscriber another status; returns whether anything changed. An erased subscriber never changes."""
    values: dict[str, Any] = {"status": status}
    if status is SubscriberStatus.CONFIRMED:
        values |= {
            "confirmed_at": func.coalesce(subscribers.c.confirmed_at, literal(now, subscribers.c.confirmed_at.type)),
            "unsubscribed_at": None,
        }
    elif status is SubscriberStatus.UNSUBSCRIBED:
        values |= {"unsubscribed_at": now}
    statement = (
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.status.not_in([status, SubscriberStatus.ERASED]))
        .values(values)
    )
    key = connection.execute(statement.returning(subscribers.c.address_key)).scalar_one_or_none()
    if key is not None and status is SubscriberStatus.CONFIRMED:
        forget_erasure(connection, [key])
    return key is not None


def confirm_pending(connection: Connection, subscriber_ids: Collection[int], now: datetime) -> frozenset[int]:
    """Confirm those among them who are pending at this moment; returns whom. Nobody who has left since is brought back."""
    confirm = (
        update(subscribers)
        .where(
            among(connection, subscribers.c.id, sorted(subscriber_ids)),
            subscribers.c.status == SubscriberStatus.PENDING,
        )
        .values(
            status=SubscriberStatus.CONFIRMED,
            confirmed_at=func.coalesce(subscribers.c.confirmed_at, literal(now, subscribers.c.confirmed_at.type)),
            unsubscribed_at=None,
        )
        .returning(subscribers.c.id)
    )
    return frozenset(connection.execute(confirm).scalars()) if subscriber_ids else frozenset()


def update_subscriber(connection: Connection, subscriber_id: int, changes: Mapping[str, Any]) -> None:
    """Write new values of one subscriber's plain columns; see `update_subscribers`."""
    update_subscribers(connection, {subscriber_id: changes})


def update_subscribers(connection: Connection, changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write new values by subscriber's id: name, plan and what belongs to it, language, zone, country, and so on.

    Other columns have functions of their own: status, address and moments are not changed this way. Nobody erased changes.
    """
    if foreign := {name for one in changes.values() for name in one} - {*_TEXTS, *_TIMES}:
        raise ValueError(f"not changed this way: {', '.join(sorted(foreign))}")
    rows = [_changed_row(owner, changes[owner]) for owner in sorted(changes) if changes[owner]]
    for start in range(0, len(rows), CHUNK):
        connection.execute(_update_statement(connection), {"rows": encode_rows(rows[start : start + CHUNK])})


def _changed_row(owner: int, changes: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"owner": owner, **changes}
    for name in _TIMES:
        if name in changes:
            row[name] = _NEVER if changes[name] is None else to_millis(changes[name])
    if "name" in changes:
        row["name"] = cut_name(changes["name"])
    return row


def _update_statement(connection: Connection) -> TextClause:
    columns = {"owner": "bigint"} | dict.fromkeys(_TEXTS, "text") | dict.fromkeys(_TIMES, "bigint")
    texts = [f"{name} = COALESCE(given.{name}, subscribers.{name})" for name in _TEXTS]
    times = [
        f"{name} = CASE WHEN given.{name} IS NULL THEN subscribers.{name} WHEN given.{name} <> {_NEVER} THEN given.{name} END"
        for name in _TIMES
    ]
    return statement(
        f"UPDATE subscribers SET {', '.join(texts + times)} FROM {rows_source(connection, columns)}"  # noqa: S608
        " WHERE subscribers.id = given.owner AND subscribers.status <> 'erased'"
    )


def _one(connection: Connection, where: ColumnElement[bool]) -> Subscriber | None:
    rows = connection.execute(select(subscribers).where(where)).all()
    return next(iter(_with_tags(connection, rows)), None)


def _with_tags(connection: Connection, rows: Sequence[Row[Any]]) -> list[Subscriber]:
    if not rows:
        return []
    query = select(subscriber_tags).where(among(connection, subscriber_tags.c.subscriber_id, [row.id for row in rows]))
    tags: dict[int, set[str]] = {}
    for found in connection.execute(query):
        tags.setdefault(found.subscriber_id, set()).add(found.tag)
    return [_subscriber(row, frozenset(tags.get(row.id, ()))) for row in rows]


def _subscriber(row: Row[Any], tags: frozenset[str]) -> Subscriber:
    return Subscriber(
        id=row.id,
        address=row.address,
        address_key=row.address_key or "",
        name=row.name,
        plan=Plan(row.plan),
        status=SubscriberStatus(row.status),
        referral_code=row.referral_code,
        language=row.language,
        zone=row.zone,
        country=row.country,
        joined_at=row.joined_at,
        tags=tags,
        plan_source=row.plan_source,
        plan_ends_at=row.plan_ends_at,
        stripe_id=row.stripe_id,
        source=row.source,
        consent=row.consent,
        referrer=row.referrer,
        wants=Wants(row.wants),
        paused_until=row.paused_until,
        confirmed_at=row.confirmed_at,
        unsubscribed_at=row.unsubscribed_at,
        erased_at=row.erased_at,
        merged_into=row.merged_into,
    )
