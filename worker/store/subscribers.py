"""Subscribers: who opted in, added once per address and read back as domain values.

Adding never changes somebody who is already there, whatever became of them: nobody is brought back by a second
sign-up, an import or a race. It must not know mailings, nor why a subscriber is added.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from worker.domain.address import address_key, referral_key
from worker.domain.subscriber import Plan, Subscriber, SubscriberStatus, Wants, cut_name
from worker.domain.suppression import OPT_OUTS
from worker.store.engine import Connection
from worker.store.suppressions import reasons_for
from worker.store.tables import subscriber_tags, subscribers

CHUNK = 1_000  # rows in one statement or look-up; SQLite takes 32,766 bound values

#: Crockford's 32 letters: no i, l, o or u, so nothing to misread aloud and few words one would not want in a link.
CODE_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CODE_LETTERS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", CODE_ALPHABET.encode())
_MISREAD = str.maketrans("ilo", "110")
_CODE_TRIES = 8


@dataclass(frozen=True, slots=True)
class NewSubscriber:
    """A subscriber to add. `source` says where the consent came from: `import:<file>`, `form`."""

    address: str
    joined_at: datetime
    name: str = ""
    plan: Plan = Plan.FREE
    status: SubscriberStatus = SubscriberStatus.CONFIRMED
    language: str = ""
    zone: str = ""
    country: str = ""
    source: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)
    plan_source: str = ""
    plan_ends_at: datetime | None = None
    stripe_id: str = ""
    consent: str = ""
    referrer: str = ""
    wants: Wants = Wants.EVERYTHING
    paused_until: datetime | None = None


def new_referral_code() -> str:
    """A random code, eight characters of CODE_ALPHABET (40 bits); unguessable, for it names a person."""
    return base64.b32encode(secrets.token_bytes(5)).translate(_CODE_LETTERS).decode()


def add_subscriber(connection: Connection, new: NewSubscriber) -> tuple[Subscriber, bool]:
    """Add one subscriber; returns who has that address now, and whether the row is new.

    Somebody already there is returned as they are. Raises ValueError for what cannot be an address.
    """
    added = add_subscribers(connection, [new]) == 1
    found = by_address_key(connection, address_key(new.address))
    assert found is not None  # noqa: S101  the insert either made the row or met it
    return found, added


def add_subscribers(
    connection: Connection, news: Sequence[NewSubscriber], draw: Callable[[], str] = new_referral_code
) -> int:
    """Add many subscribers; returns how many were new. Those already there, by address key, are left as they are.

    Somebody new whose address carries an opt-out (they left, and were erased since) is added as unsubscribed.
    Raises ValueError for what cannot be an address, before anything is written of its chunk.
    """
    return sum(_add_chunk(connection, news[at : at + CHUNK], draw) for at in range(0, len(news), CHUNK))


def by_id(connection: Connection, subscriber_id: int) -> Subscriber | None:
    """The subscriber with this id."""
    return _one(connection, subscribers.c.id == subscriber_id)


def by_address_key(connection: Connection, key: str) -> Subscriber | None:
    """The subscriber with this address key (see worker.domain.address)."""
    return _one(connection, subscribers.c.address_key == key)


def by_referral_code(connection: Connection, code: str) -> Subscriber | None:
    """The subscriber whose referral link carries this code, however it was typed: in capitals, with o for 0."""
    return _one(connection, subscribers.c.referral_code == code.strip().lower().translate(_MISREAD))


def by_address_keys(connection: Connection, keys: Collection[str]) -> dict[str, Subscriber]:
    """Those among `keys` who are subscribers, by address key."""
    ordered, found = sorted(keys), {}
    for start in range(0, len(ordered), CHUNK):
        query = select(subscribers).where(subscribers.c.address_key.in_(ordered[start : start + CHUNK]))
        found.update({one.address_key: one for one in _with_tags(connection, connection.execute(query).all())})
    return found


def each_subscriber(connection: Connection, where: ColumnElement[bool] | None = None) -> Iterator[Subscriber]:
    """Every subscriber in the order of their ids, a thousand in memory at a time; `where` narrows it."""
    last = 0
    while True:  # by key rather than one long cursor: the caller may write or commit in between
        query = select(subscribers).where(subscribers.c.id > last).order_by(subscribers.c.id).limit(CHUNK)
        rows = connection.execute(query if where is None else query.where(where)).all()
        if not rows:
            return
        yield from _with_tags(connection, rows)
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
    return connection.execute(statement).rowcount == 1


def update_subscriber(connection: Connection, subscriber_id: int, changes: dict[str, Any]) -> None:
    """Write new values of name, plan, language, zone or country; other columns have functions of their own."""
    if foreign := changes.keys() - {"name", "plan", "language", "zone", "country"}:
        raise ValueError(f"not changed this way: {', '.join(sorted(foreign))}")
    if "name" in changes:
        changes = changes | {"name": cut_name(changes["name"])}
    if changes:
        connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(changes))


def add_tags(connection: Connection, pairs: Collection[tuple[int, str]]) -> int:
    """Tag subscribers, each pair a subscriber's id and a tag; returns how many pairs were new."""
    wanted = sorted({(owner, tag.strip()) for owner, tag in pairs if tag.strip()})
    if not wanted:
        return 0
    statement = _insert(connection, subscriber_tags).on_conflict_do_nothing()
    rows = [{"subscriber_id": owner, "tag": tag} for owner, tag in wanted]
    return connection.execute(statement, rows).rowcount


def _add_chunk(connection: Connection, news: Sequence[NewSubscriber], draw: Callable[[], str]) -> int:
    by_key: dict[str, NewSubscriber] = {}
    for new in news:
        by_key.setdefault(address_key(new.address), new)
    opted_out = {key for key, reason in reasons_for(connection, by_key.keys()).items() if reason in OPT_OUTS}
    # One order everywhere keeps two imports from a deadlock on PostgreSQL.
    rows = [_row(key, by_key[key], key in opted_out) for key in sorted(by_key)]
    added = _insert_with_codes(connection, rows, draw)
    tagged = {row["referral_code"]: by_key[row["address_key"]].tags for row in rows if by_key[row["address_key"]].tags}
    if tagged:  # looked up by the fresh codes, so somebody who was there before gets no tag
        query = select(subscribers.c.id, subscribers.c.referral_code).where(subscribers.c.referral_code.in_(tagged))
        found = connection.execute(query).all()
        add_tags(connection, [(row.id, tag) for row in found for tag in tagged[row.referral_code]])
    return added


def _insert_with_codes(connection: Connection, rows: list[dict[str, Any]], draw: Callable[[], str]) -> int:
    statement = _insert(connection, subscribers).on_conflict_do_nothing(index_elements=[subscribers.c.address_key])
    for tries_left in reversed(range(_CODE_TRIES)):
        for row in rows:
            row["referral_code"] = draw()
        try:
            with connection.begin_nested():
                return connection.execute(statement, rows).rowcount
        except IntegrityError:  # only a code can collide here: another draw, for the whole chunk
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _row(key: str, new: NewSubscriber, opted_out: bool) -> dict[str, Any]:
    status = SubscriberStatus.UNSUBSCRIBED if opted_out else new.status
    return {
        "address": new.address.strip(),
        "address_key": key,
        "referral_key": referral_key(new.address),
        "name": cut_name(new.name),
        "plan": new.plan,
        "status": status,
        "language": new.language,
        "zone": new.zone,
        "country": new.country,
        "source": new.source,
        "plan_source": new.plan_source,
        "plan_ends_at": new.plan_ends_at,
        "stripe_id": new.stripe_id,
        "consent": new.consent,
        "referrer": new.referrer,
        "wants": new.wants,
        "paused_until": new.paused_until,
        "joined_at": new.joined_at,
        "confirmed_at": new.joined_at if status is SubscriberStatus.CONFIRMED else None,
        "unsubscribed_at": new.joined_at if status is SubscriberStatus.UNSUBSCRIBED else None,
    }


def _insert(connection: Connection, table: Any) -> Any:
    chosen = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # Without the option SQLAlchemy keeps an INSERT's row count only where the driver happens to (not psycopg).
    return chosen(table).execution_options(preserve_rowcount=True)


def _one(connection: Connection, where: ColumnElement[bool]) -> Subscriber | None:
    rows = connection.execute(select(subscribers).where(where)).all()
    return next(iter(_with_tags(connection, rows)), None)


def _with_tags(connection: Connection, rows: Sequence[Row[Any]]) -> list[Subscriber]:
    if not rows:
        return []
    query = select(subscriber_tags).where(subscriber_tags.c.subscriber_id.in_([row.id for row in rows]))
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
