"""New subscribers: added once per address, in one statement for a thousand, with codes and tags of their own.

Adding never changes somebody who is already there, whatever became of them: nobody is brought back by a second
sign-up, an import or a race. It must not know why a subscriber is added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import TextClause, select
from sqlalchemy.exc import IntegrityError

from worker.domain.address import address_key, referral_key_of
from worker.domain.referral_code import ALPHABET, draw_code
from worker.domain.subscriber import Plan, SubscriberStatus, Wants, cut_name
from worker.domain.suppression import OPT_OUTS, SuppressionReason
from worker.store.earned_before import share_with_new
from worker.store.engine import Connection
from worker.store.instants import to_millis
from worker.store.rows import among, encode_rows, rows_source, statement
from worker.store.suppressions import reasons_for
from worker.store.tables import subscribers

CHUNK = 1_000  # rows in one statement or look-up; SQLite takes 32,766 bound values

CODE_ALPHABET = ALPHABET
_CODE_TRIES = 8

_ALWAYS = ("address", "address_key", "referral_key", "status", "referral_code", "joined_at")
# Columns that few rows fill, with what the table has where nobody does; one that no row of a chunk fills is not written.
_OTHERS: dict[str, str] = {
    **dict.fromkeys(("name", "language", "zone", "country", "source", "plan_source", "stripe_id"), ""),
    **dict.fromkeys(("consent", "referrer"), ""),
    "plan": Plan.FREE.value,
    "wants": Wants.EVERYTHING.value,
}
_other_values = attrgetter(*_OTHERS)
_INSTANTS = ("joined_at", "plan_ends_at", "paused_until", "confirmed_at", "unsubscribed_at")


@dataclass(slots=True)  # not frozen, which would double what one costs; nobody changes one
class NewSubscriber:
    """A subscriber to add. `source` says where the consent came from: `import:<file>`, `form`.

    `confirmed_at`, `unsubscribed_at` and `referral_code` are for somebody who was a subscriber elsewhere; left out, they
    follow from the status, and the code is drawn. A code that somebody has here already is drawn anew.
    """

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
    confirmed_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    referral_code: str = ""


def new_referral_code() -> str:
    """A random code, see worker/domain/referral_code.py."""
    return draw_code()


def add_subscribers(
    connection: Connection, news: Sequence[NewSubscriber], draw: Callable[[], str] = new_referral_code
) -> int:
    """Add many subscribers; returns how many were new. Those already there, by address key, are left as they are.

    Somebody new whose address carries an opt-out (they left, and were erased since) is added as unsubscribed.
    Raises ValueError for what cannot be an address, before anything is written of its chunk.
    """
    added = 0
    for at in range(0, len(news), CHUNK):
        by_key: dict[str, NewSubscriber] = {}
        for new in news[at : at + CHUNK]:
            by_key.setdefault(address_key(new.address), new)
        added += len(insert_subscribers(connection, by_key, draw))
    return added


def insert_subscribers(
    connection: Connection,
    by_key: Mapping[str, NewSubscriber],
    draw: Callable[[], str] = new_referral_code,
    in_order: bool = False,
) -> frozenset[str]:
    """Add subscribers by their address keys, a thousand or so; returns the keys of those who were new.

    In the order of their keys, which keeps two imports from a deadlock on PostgreSQL; `in_order`: in the given one, so
    that ids follow it.
    """
    if not by_key:
        return frozenset()
    reasons = reasons_for(connection, by_key.keys())
    opted_out = {key for key, reason in reasons.items() if _keeps_out(reason, by_key[key])}
    ordered = list(by_key) if in_order else sorted(by_key)
    rows = [{"place": place, **_row(key, by_key[key], key in opted_out)} for place, key in enumerate(ordered)]
    ids = _insert_with_codes(connection, rows, [by_key[row["address_key"]].referral_code for row in rows], draw)
    add_tags(connection, [(ids[key], tag) for key in ids for tag in by_key[key].tags])
    share_with_new(connection, {key: (ids[key], by_key[key].joined_at) for key in ids})
    return frozenset(ids)


def _keeps_out(reason: SuppressionReason, new: NewSubscriber) -> bool:
    """Somebody erased may ask to come back; nobody else's word makes them a reader."""
    erased = reason is SuppressionReason.ERASED and new.status is SubscriberStatus.CONFIRMED
    return erased or reason in OPT_OUTS


def add_tags(connection: Connection, pairs: Collection[tuple[int, str]]) -> int:
    """Tag subscribers, each pair a subscriber's id and a tag; returns how many pairs were new."""
    wanted = sorted({(owner, tag.strip()) for owner, tag in pairs if tag.strip()})
    added = 0
    for start in range(0, len(wanted), CHUNK):
        rows = [{"owner": owner, "tag": tag} for owner, tag in wanted[start : start + CHUNK]]
        added += len(connection.execute(_tag_statement(connection), {"rows": encode_rows(rows)}).all())
    return added


def _insert_with_codes(
    connection: Connection, rows: list[dict[str, Any]], given: Sequence[str], draw: Callable[[], str]
) -> dict[str, int]:
    """Address key -> id of those who were new."""
    insert = _insert_statement(connection, rows)
    for tries_left in reversed(range(_CODE_TRIES)):
        free = _free_codes(connection, given)
        for row, code in zip(rows, given, strict=True):
            row["referral_code"] = code if code in free else draw()
            free.discard(code)
        try:
            with connection.begin_nested():
                found = connection.execute(insert, {"rows": encode_rows(rows)})
                return {row.address_key: row.id for row in found}
        except IntegrityError:  # only a code can collide here: another draw, for the whole chunk
            if not tries_left:
                raise
    raise AssertionError("unreachable")


def _free_codes(connection: Connection, given: Sequence[str]) -> set[str]:
    """Those of the codes that somebody brings along which nobody here has."""
    wanted = {code for code in given if code}
    if not wanted:
        return wanted
    query = select(subscribers.c.referral_code).where(among(connection, subscribers.c.referral_code, wanted))
    return wanted - set(connection.execute(query).scalars())


def _insert_statement(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> TextClause:
    filled = {name for row in rows for name, value in row.items() if value is not None}
    names = [*_ALWAYS, *(name for name in (*_OTHERS, *_INSTANTS) if name in filled and name not in _ALWAYS)]
    source = rows_source(
        connection, {name: "bigint" if name in _INSTANTS else "text" for name in names} | {"place": "bigint"}
    )
    values = [f"COALESCE({name}, '{_OTHERS[name]}')" if name in _OTHERS else name for name in names]
    return statement(
        f"INSERT INTO subscribers ({', '.join(names)}) SELECT {', '.join(values)} FROM {source} WHERE true"  # noqa: S608
        " ORDER BY place ON CONFLICT (address_key) DO NOTHING RETURNING address_key, id"
    )


def _tag_statement(connection: Connection) -> TextClause:
    source = rows_source(connection, {"owner": "bigint", "tag": "text"})
    return statement(
        f"INSERT INTO subscriber_tags (subscriber_id, tag) SELECT owner, tag FROM {source} WHERE true"  # noqa: S608
        " ORDER BY owner, tag ON CONFLICT DO NOTHING RETURNING subscriber_id"
    )


def _row(key: str, new: NewSubscriber, opted_out: bool) -> dict[str, Any]:
    status = SubscriberStatus.UNSUBSCRIBED if opted_out else new.status
    confirmed = new.joined_at if status is SubscriberStatus.CONFIRMED else None
    left = new.joined_at if status is SubscriberStatus.UNSUBSCRIBED else None
    row: dict[str, Any] = {
        "address": new.address.strip(),
        "address_key": key,
        "referral_key": referral_key_of(key),
        "status": status.value,
        "joined_at": to_millis(new.joined_at),
        "confirmed_at": _millis(new.confirmed_at or confirmed),
        "unsubscribed_at": _millis(new.unsubscribed_at or left),
        "plan_ends_at": _millis(new.plan_ends_at),
        "paused_until": _millis(new.paused_until),
    }
    for (name, otherwise), value in zip(_OTHERS.items(), _other_values(new), strict=True):
        if value != otherwise:
            row[name] = value
    row["name"] = cut_name(new.name)
    return row


def _millis(at: datetime | None) -> int | None:
    return None if at is None else to_millis(at)
