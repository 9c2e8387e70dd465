"""Referrals: who brought whom, once per friend. `referred_id` is unique, so the first valid code keeps the credit.

Whether a sign-up counts is decided in worker/usecases/record_referral.py; what it earns, in advance_followups.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.referral import Referral
from worker.domain.subscriber import SubscriberStatus
from worker.domain.trigger import Trigger
from worker.store.engine import Connection
from worker.store.tables import referrals, subscribers
from worker.store.triggers import note_trigger


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
        .returning(referrals.c.id, referrals.c.referrer_id)
    )
    row = connection.execute(statement).first()
    if row is not None:
        note_trigger(connection, Trigger.VERIFIED, row.referrer_id, now, str(row.id))
    return row is not None


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
