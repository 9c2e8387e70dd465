"""Forgetting: a subscriber's record loses everything that is about a person, in one transaction with the ledger's part.

What stays: the row, its day of joining and whom it brought, as numbers; a hash where an address key stood, so that an
opt-out, an old mailing and the request itself are not forgotten. Whether somebody may be erased is decided elsewhere.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, or_, select, update

from worker.domain.erasure import AddressHash, is_hash, names_somebody, without_address
from worker.domain.referral import ReferralReason
from worker.domain.subscriber import Plan, SubscriberStatus, Wants
from worker.domain.suppression import Suppression, SuppressionReason
from worker.store.engine import Connection
from worker.store.erased import address_hash
from worker.store.events import wait_for_events
from worker.store.followups.merging import forget_enrollments
from worker.store.known_keys import remember_keys
from worker.store.ledger.erase import erase_from_ledger, mailed_under, wait_for_planning
from worker.store.ledger.owed_to import owned
from worker.store.referrals import reject_open
from worker.store.referrers import forget_networks_of
from worker.store.signups import typed_by
from worker.store.suppressions import suppress
from worker.store.tables import (
    events,
    grants,
    launch_mutes,
    named_referrers,
    referral_rechecks,
    returns,
    signups,
    subscriber_tags,
    subscribers,
    suppressions,
)

_CHUNK = 500
ERASED, MERGED, GIVEN_UP = "erased", "merged", "given up"  # the evidence beside a hash


def forget(
    connection: Connection, subscriber_ids: Collection[int], key: str, now: datetime, *, merged_into: int | None = None
) -> Counter[str]:
    """Forget these records of one person and the address `key`; returns how many rows changed, by table.

    Doing it again changes nothing. `merged_into` names the record that goes on for them. Raises SettingsError where
    nothing could be recognised afterwards.
    """
    hashed, why = address_hash(connection), ERASED if merged_into is None else MERGED
    wait_for_events(connection)
    wait_for_planning(connection)
    keys = _keys_of(connection, subscriber_ids, key)
    rows = select(subscribers.c.address).where(subscribers.c.id.in_(subscriber_ids), subscribers.c.address != "")
    addresses = list(connection.execute(rows).scalars())
    deliveries = [row.id for row in owned(connection, subscriber_ids, keys)]
    done = Counter(events=_forget_events(connection, keys, deliveries, hashed))
    done += erase_from_ledger(connection, subscriber_ids, keys, addresses, hashed, now)
    done["suppressions"] = sum(_forget_suppression(connection, one, hashed, now, why) for one in sorted(keys))
    done["subscriber_tags"] = connection.execute(
        delete(subscriber_tags).where(subscriber_tags.c.subscriber_id.in_(subscriber_ids))
    ).rowcount
    done["grants"] = connection.execute(delete(grants).where(grants.c.subscriber_id.in_(subscriber_ids))).rowcount
    done["signups"] = _forget_signups(connection, keys)
    done["returns"] = connection.execute(delete(returns).where(returns.c.address_key.in_(sorted(keys)))).rowcount
    done["launch_mutes"] = connection.execute(
        delete(launch_mutes).where(launch_mutes.c.subscriber_id.in_(subscriber_ids))
    ).rowcount
    done["triggers"] = forget_enrollments(connection, subscriber_ids, now)
    why_open = ReferralReason.ERASED if merged_into is None else ReferralReason.MERGED
    done["referrals"] = reject_open(connection, subscriber_ids, why_open, now)
    _know_again(connection, subscriber_ids, keys, hashed, merged_into)
    done["subscribers"] = sum(_empty(connection, one, now, merged_into) for one in sorted(subscriber_ids))
    if merged_into is None:
        _forget_former_codes(connection, subscriber_ids)
    done["subscribers"] += _forget_as_referrer(connection, {*addresses, *keys})
    return +done


def keep_out(connection: Connection, subscriber_id: int, key: str, now: datetime) -> None:
    """An address that its reader gave up: kept by its hash alone, with the reason it was suppressed for, if it was.

    For referrals they are still known by it."""
    hashed = address_hash(connection)
    _forget_suppression(connection, key, hashed, now, GIVEN_UP)
    connection.execute(delete(returns).where(returns.c.address_key == key))
    remember_keys(connection, [key], [subscriber_id], hashed)


def _know_again(
    connection: Connection,
    subscriber_ids: Collection[int],
    keys: Collection[str],
    hashed: AddressHash,
    into: int | None,
) -> None:
    """A person counts once as a friend, and earns a reward once, whatever becomes of their records."""
    people = {*subscriber_ids} if into is None else {*subscriber_ids, into}
    remember_keys(connection, [key for key in keys if key and not is_hash(key)], people, hashed)
    forget_networks_of(connection, subscriber_ids)
    for table in (named_referrers, referral_rechecks):
        connection.execute(delete(table).where(table.c.subscriber_id.in_(sorted(subscriber_ids))))


def _keys_of(connection: Connection, subscriber_ids: Collection[int], key: str) -> set[str]:
    """The address, and what else they were mailed under, unless that is somebody else's address now."""
    keys = mailed_under(connection, subscriber_ids)
    others = select(subscribers.c.address_key).where(
        subscribers.c.address_key.in_(sorted(keys)), subscribers.c.id.not_in(subscriber_ids)
    )
    own = select(subscribers.c.address_key).where(
        subscribers.c.id.in_(subscriber_ids), subscribers.c.address_key.is_not(None)
    )
    return (keys - set(connection.execute(others).scalars())) | set(connection.execute(own).scalars()) | {key}


def _empty(connection: Connection, subscriber_id: int, now: datetime, merged_into: int | None) -> int:
    statement = (
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.status != SubscriberStatus.ERASED)
        .values(
            address="",
            address_key=None,
            referral_key=None,
            name="",
            plan=Plan.FREE,
            plan_source="",
            plan_ends_at=None,
            stripe_id="",
            status=SubscriberStatus.ERASED,
            language="",
            zone="",
            country="",
            # A link that was passed on before a merge goes on being its person's.
            referral_code=_no_code() if merged_into is None else subscribers.c.referral_code,
            source="",
            consent="",
            referrer="",
            wants=Wants.EVERYTHING,
            paused_until=None,
            confirmed_at=None,
            unsubscribed_at=None,
            erased_at=now,
            merged_into=merged_into,
        )
    )
    return connection.execute(statement).rowcount


def _forget_former_codes(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Codes of records that were merged into these."""
    ended = select(subscribers.c.id).where(subscribers.c.merged_into.in_(sorted(subscriber_ids)))
    for one in connection.execute(ended).scalars().all():
        connection.execute(update(subscribers).where(subscribers.c.id == one).values(referral_code=_no_code()))


def _no_code() -> str:
    """Not made of the id: a list from another installation brings codes of those who were erased there."""
    return f"erased:{secrets.token_hex(8)}"


def _forget_suppression(connection: Connection, key: str, hashed: AddressHash, now: datetime, why: str) -> int:
    """The hash takes the key's place, with the reason and moment there were; a row of its own where there was none."""
    name = hashed.of(key)
    row = connection.execute(select(suppressions).where(suppressions.c.address_key == key)).one_or_none()
    known = connection.execute(select(suppressions.c.address_key).where(suppressions.c.address_key == name)).first()
    if row is None and known is not None:
        return 0
    reason = SuppressionReason.ERASED if row is None else SuppressionReason(row.reason)
    at = now if row is None else row.suppressed_at
    suppress(connection, [Suppression(name, reason, at, why)])
    connection.execute(delete(suppressions).where(suppressions.c.address_key == key))
    return 1


def _forget_as_referrer(connection: Connection, addresses: Collection[str]) -> int:
    """Whom they brought may say so in words that another platform wrote."""
    words = subscribers.c.referrer
    named = select(subscribers.c.id, words).where(or_(words.contains("@"), words.contains("%40", autoescape=True)))
    changes: dict[int, str] = {}
    for subscriber_id, before in connection.execute(named.execution_options(yield_per=1_000)):
        after = before
        for one in addresses:
            after = without_address(after, one)
        if after != before:
            changes[subscriber_id] = after
    for subscriber_id in sorted(changes):
        statement = update(subscribers).where(subscribers.c.id == subscriber_id)
        connection.execute(statement.values(referrer=changes[subscriber_id]))
    return len(changes)


def _forget_signups(connection: Connection, keys: Collection[str]) -> int:
    ids = [row.id for row in typed_by(connection, keys)]
    return connection.execute(delete(signups).where(signups.c.id.in_(ids))).rowcount if ids else 0


def _forget_events(connection: Connection, keys: Collection[str], delivery_ids: list[int], hashed: AddressHash) -> int:
    """Events lose the address, and words or links that may hold one."""
    found: dict[int, Row[Any]] = {}
    conditions = [events.c.address_key.in_(sorted(keys))]
    conditions += [
        events.c.delivery_id.in_(delivery_ids[at : at + _CHUNK]) for at in range(0, len(delivery_ids), _CHUNK)
    ]
    for condition in conditions:
        query: Select[Any] = select(events.c.id, events.c.address_key, events.c.reason, events.c.url)
        found.update((row.id, row) for row in connection.execute(query.where(condition)))
    done = 0
    for row in (found[one] for one in sorted(found)):
        whose = row.address_key or ""
        values = {
            "address_key": hashed.of(whose) if whose else None,
            "reason": "" if any(names_somebody(row.reason, key) for key in {whose, *keys}) else row.reason,
            "url": "" if any(names_somebody(row.url, key) for key in {whose, *keys}) else row.url,
        }
        if values != {"address_key": row.address_key, "reason": row.reason, "url": row.url}:
            done += connection.execute(update(events).where(events.c.id == row.id).values(values)).rowcount
    return done
