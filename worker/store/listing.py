"""The whole list as it leaves, streaming: every subscriber with what belongs to them, then addresses that are nobody's.

Reads alone, a thousand rows at a time. The caller's transaction decides whether all of it is of one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, select

from worker.domain.erasure import is_hash
from worker.domain.list_entry import ListEntry
from worker.domain.milestone import RewardState
from worker.domain.segment import Rule
from worker.domain.subscriber import Subscriber
from worker.domain.suppression import Suppression, SuppressionReason
from worker.store.engine import Connection
from worker.store.rows import among
from worker.store.segments import where
from worker.store.subscribers import subscriber_pages
from worker.store.tables import installation, known_keys, referral_rewards, referrals, subscribers, suppressions

_PAGE = 1_000
_NAME = (subscribers.c.address, subscribers.c.referral_code)


def stream_list(connection: Connection, now: datetime, rule: Rule | None = None) -> Iterator[ListEntry]:
    """Subscribers by id, so oldest first, then suppressed addresses without one; with a rule, those it picks at `now`."""
    chosen: ColumnElement[bool] | None = None if rule is None else where(rule, now)
    for page in subscriber_pages(connection, chosen):
        yield from _entries(connection, page)
    if rule is None:
        yield from _nobodies(connection)


def _entries(connection: Connection, page: Sequence[Subscriber]) -> Iterator[ListEntry]:
    keys = [person.address_key for person in page if person.address_key]
    found = select(suppressions).where(among(connection, suppressions.c.address_key, keys))
    kept = {row.address_key: _suppression(row) for row in connection.execute(found)}
    brought = (
        select(referrals, *_NAME)
        .join(subscribers, subscribers.c.id == referrals.c.referrer_id)
        .where(among(connection, referrals.c.referred_id, [person.id for person in page]))
    )
    links = {row.referred_id: row for row in connection.execute(brought)}
    earned, former = _earned(connection, page), _former(connection, page)
    targets = {person.merged_into for person in page if person.merged_into is not None}
    merged = select(subscribers.c.id, *_NAME).where(subscribers.c.id.in_(targets))
    names = {row.id: row.address or row.referral_code for row in connection.execute(merged)} if targets else {}
    for person in page:
        link = links.get(person.id)
        yield ListEntry(
            subscriber=person,
            suppression=kept.get(person.address_key),
            referred_by="" if link is None else link.address or link.referral_code,
            referred_at=None if link is None else link.recorded_at,
            referral_confirmed_at=None if link is None else link.confirmed_at,
            referral_state="" if link is None else link.state,
            referral_reason="" if link is None else link.reason,
            milestones=tuple(earned.get(person.id, ())),
            known_keys=tuple(former.get(person.id, ())),
            merged_into="" if person.merged_into is None else names.get(person.merged_into, ""),
        )


def _earned(connection: Connection, page: Sequence[Subscriber]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    query = (
        select(referral_rewards)
        .where(among(connection, referral_rewards.c.subscriber_id, [person.id for person in page]))
        .order_by(referral_rewards.c.milestone_id)
    )
    for row in connection.execute(query):
        how = "" if row.state == RewardState.GRANTED else f":{row.state}"
        found.setdefault(row.subscriber_id, []).append(f"{row.milestone_id}{how}")
    return found


def _former(connection: Connection, page: Sequence[Subscriber]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    query = select(known_keys).where(among(connection, known_keys.c.subscriber_id, [person.id for person in page]))
    for row in connection.execute(query.order_by(known_keys.c.key)):
        found.setdefault(row.subscriber_id, []).append(row.key)
    return found


def _nobodies(connection: Connection) -> Iterator[ListEntry]:
    last, under = "", connection.execute(select(installation.c.erased_under)).scalar() or ""
    while True:
        somebody = exists().where(subscribers.c.address_key == suppressions.c.address_key)
        query = select(suppressions).where(suppressions.c.address_key > last, ~somebody)
        rows = connection.execute(query.order_by(suppressions.c.address_key).limit(_PAGE)).all()
        if not rows:
            return
        yield from (
            ListEntry(None, _suppression(row), hashed_under=under if is_hash(row.address_key) else "") for row in rows
        )
        last = rows[-1].address_key


def _suppression(row: Row[Any]) -> Suppression:
    return Suppression(row.address_key, SuppressionReason(row.reason), row.suppressed_at, row.evidence)
