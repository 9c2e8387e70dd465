"""Referrals: who brought whom, once per friend. `referred_id` is unique, so the first valid code keeps the credit.

Whether a sign-up counts is decided in worker/usecases/record_referral.py; what it earns, in advance_followups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, exists, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.referral import Referral
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.store.engine import Connection
from worker.store.tables import mailings, referrals, subscribers


@dataclass(frozen=True, slots=True)
class FirstReferral:
    """A referrer and the moment their first referral was confirmed."""

    referrer_id: int
    plan: Plan
    confirmed_at: datetime


def add_referral(connection: Connection, referrer_id: int, referred_id: int, now: datetime) -> bool:
    """Record who brought a friend; False (and nothing changes) where somebody is recorded already."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(referrals)
        .values(referrer_id=referrer_id, referred_id=referred_id, recorded_at=now)
        .on_conflict_do_nothing(index_elements=[referrals.c.referred_id])
        .returning(referrals.c.id)
    )
    return connection.execute(statement).first() is not None


def confirm_referral(connection: Connection, referred_id: int, now: datetime) -> bool:
    """Confirm the referral of a friend who is a confirmed subscriber; True if this call did it."""
    friend = exists().where(subscribers.c.id == referred_id, subscribers.c.status == SubscriberStatus.CONFIRMED)
    statement = (
        update(referrals)
        .where(referrals.c.referred_id == referred_id, referrals.c.confirmed_at.is_(None), friend)
        .values(confirmed_at=now)
    )
    return connection.execute(statement).rowcount == 1


def referral_of(connection: Connection, referred_id: int) -> Referral | None:
    """Who brought this subscriber, if anybody did."""
    row = connection.execute(select(referrals).where(referrals.c.referred_id == referred_id)).first()
    return None if row is None else Referral(*row)


def count_confirmed_referrals(connection: Connection, referrer_id: int) -> int:
    """How many confirmed friends a subscriber brought; what `{referral_count}` shows."""
    query = select(func.count()).where(referrals.c.referrer_id == referrer_id, referrals.c.confirmed_at.is_not(None))
    return int(connection.execute(query).scalar_one())


def is_same_person(connection: Connection, subscriber_id: int) -> bool:
    """Whether another subscriber has the same referral key: one person with two addresses is no friend."""
    own = select(subscribers.c.referral_key).where(subscribers.c.id == subscriber_id).scalar_subquery()
    query = select(subscribers.c.id).where(subscribers.c.referral_key == own, subscribers.c.id != subscriber_id)
    return connection.execute(query.limit(1)).first() is not None


def first_referrals(
    connection: Connection, key_prefix: str, since: datetime, until: datetime, after: int = 0, limit: int = 500
) -> Sequence[FirstReferral]:
    """First confirmed referrals of `since <= confirmed_at <= until` whose mailing does not exist yet.

    The mailing's key is `key_prefix` and the referrer's id. In the order of referrers' ids, those above `after`.

    No claim is written: the mailing's unique key is the claim. The range on `ix_referrals_confirmed_at` bounds the
    work of a tick by the referrals of the last weeks, however long the list lives; both anti-joins are look-ups in
    an index (`ix_referrals_referrer_id`, `uq_mailings_key`).
    """
    earlier = referrals.alias("earlier")
    was_first = ~exists().where(
        earlier.c.referrer_id == referrals.c.referrer_id,
        (earlier.c.confirmed_at < referrals.c.confirmed_at)
        | ((earlier.c.confirmed_at == referrals.c.confirmed_at) & (earlier.c.id < referrals.c.id)),
    )
    key: ColumnElement[str] = literal(key_prefix) + cast(referrals.c.referrer_id, String)
    merged = subscribers.alias("merged")  # what another record of the same person was mailed counts for both
    their_key: ColumnElement[str] = literal(key_prefix) + cast(merged.c.id, String)
    was_mailed = exists().where(merged.c.merged_into == referrals.c.referrer_id, mailings.c.key == their_key)
    query = (
        select(referrals.c.referrer_id, subscribers.c.plan, referrals.c.confirmed_at)
        .join(subscribers, subscribers.c.id == referrals.c.referrer_id)
        .where(
            referrals.c.confirmed_at.between(since, until),
            referrals.c.referrer_id > after,
            was_first,
            ~exists().where(mailings.c.key == key),
            ~was_mailed,
        )
        .order_by(referrals.c.referrer_id)
        .limit(limit)
    )
    return [FirstReferral(row[0], Plan(row[1]), row[2]) for row in connection.execute(query)]
