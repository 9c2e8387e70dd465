"""Referrals: who brought whom, and whether it counts. One row for a friend, and one that counts for a person, for ever.

Each move is one UPDATE that names the state it found. What decides is worker/domain/referral.py, called by the use cases
record_referral, verify_referrals and review_referral; what it earns, store/milestones.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.referral import Referral, ReferralReason, ReferralState
from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import SuppressionReason
from worker.store.engine import Connection
from worker.store.known_keys import person_key
from worker.store.rows import among
from worker.store.tables import referrals, returns, subscribers, suppressions

_OPEN = (ReferralState.PENDING, ReferralState.REVIEW)
_COLUMNS = (
    referrals.c.id,
    referrals.c.referrer_id,
    referrals.c.referred_id,
    referrals.c.state,
    referrals.c.reason,
    referrals.c.recorded_at,
    referrals.c.confirmed_at,
    referrals.c.decided_at,
)


class Friend(NamedTuple):
    """How a friend stands: `suppressed` is None for somebody who left and is on the way back.

    `gone_since`: when they left or were suppressed, the earlier of both; None where neither is so, or it is not known.
    """

    status: SubscriberStatus
    suppressed: SuppressionReason | None
    gone_since: datetime | None


def add_referral(
    connection: Connection,
    referrer_id: int,
    referred_id: int,
    now: datetime,
    *,
    state: ReferralState = ReferralState.PENDING,
    reason: str = "",
    network: str = "",
) -> bool:
    """Record who brought a friend; False (and nothing changes) where somebody is recorded for them, or for their person.

    `reason` of a pending one is what a person should look at. `network` is a hash, empty where it is not known.
    """
    own = select(subscribers.c.referral_key).where(subscribers.c.id == referred_id)
    name = person_key(connection, referred_id, connection.execute(own).scalar_one_or_none())
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(referrals)
        .values(
            referrer_id=referrer_id,
            referred_id=referred_id,
            referred_key=name,
            state=state,
            reason=reason,
            network=network or None,
            recorded_at=now,
            decided_at=now if state is ReferralState.REJECTED else None,
        )
        .on_conflict_do_nothing()
        .returning(referrals.c.id)
    )
    return connection.execute(statement).first() is not None


def confirm_referral(connection: Connection, referred_id: int, now: datetime) -> bool:
    """The friend of a pending referral is a confirmed subscriber; True if this call noted it. A tick verifies it."""
    friend = exists().where(subscribers.c.id == referred_id, subscribers.c.status == SubscriberStatus.CONFIRMED)
    statement = (
        update(referrals)
        .where(
            referrals.c.referred_id == referred_id,
            referrals.c.state == ReferralState.PENDING,
            referrals.c.confirmed_at.is_(None),
            friend,
        )
        .values(confirmed_at=now)
    )
    return connection.execute(statement).rowcount == 1


def referral_of(connection: Connection, referred_id: int) -> Referral | None:
    """Who brought this subscriber, if anybody did, whether it counts or not."""
    row = connection.execute(select(*_COLUMNS).where(referrals.c.referred_id == referred_id)).first()
    return None if row is None else _referral(row)


def referral_by_id(connection: Connection, referral_id: int) -> Referral | None:
    """The referral with this id."""
    row = connection.execute(select(*_COLUMNS).where(referrals.c.id == referral_id)).first()
    return None if row is None else _referral(row)


def count_verified(connection: Connection, referrer_id: int) -> int:
    """How many friends that count a subscriber brought; what `{referral_count}` shows."""
    query = select(func.count()).where(
        referrals.c.referrer_id == referrer_id, referrals.c.state == ReferralState.VERIFIED
    )
    return int(connection.execute(query).scalar_one())


def count_verified_each(connection: Connection, referrer_ids: Collection[int]) -> dict[int, int]:
    """The same for many; nobody without any is among them."""
    query = (
        select(referrals.c.referrer_id, func.count())
        .where(
            among(connection, referrals.c.referrer_id, sorted(referrer_ids)),
            referrals.c.state == ReferralState.VERIFIED,
        )
        .group_by(referrals.c.referrer_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)} if referrer_ids else {}


def count_from_network(connection: Connection, network: str, since: datetime) -> int:
    """How many were recorded from this network (a hash) after `since`, whoever brought them and whatever became of it."""
    query = select(func.count()).where(referrals.c.network == network, referrals.c.recorded_at > since)
    return int(connection.execute(query).scalar_one())


def due_referrals(connection: Connection, confirmed_by: datetime, limit: int) -> Sequence[Referral]:
    """Pending ones whose friend confirmed by then, the earliest first: an index holds those alone."""
    query = (
        select(*_COLUMNS)
        .where(
            referrals.c.state == ReferralState.PENDING,
            referrals.c.confirmed_at.is_not(None),
            referrals.c.confirmed_at <= confirmed_by,
        )
        .order_by(referrals.c.confirmed_at, referrals.c.id)
        .limit(limit)
    )
    return [_referral(row) for row in connection.execute(query)]


def next_to_count(connection: Connection) -> datetime | None:
    """When the friend confirmed who is the next to count, if anybody waits for that."""
    query = select(func.min(referrals.c.confirmed_at)).where(
        referrals.c.state == ReferralState.PENDING, referrals.c.confirmed_at.is_not(None)
    )
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def decide_referral(connection: Connection, found: Referral, state: ReferralState, reason: str, now: datetime) -> bool:
    """Move a referral as it was found to another state; False where it is not as it was found any more."""
    statement = (
        update(referrals)
        .where(
            referrals.c.id == found.id,
            referrals.c.state == found.state,
            referrals.c.referrer_id == found.referrer_id,
            referrals.c.referred_id == found.referred_id,
        )
        .values(state=state, reason=reason, decided_at=now)
    )
    return connection.execute(statement).rowcount == 1


def standing_of_friend(connection: Connection, referred_id: int) -> Friend:
    """How the friend of a referral stands now."""
    query = (
        select(
            subscribers.c.status,
            subscribers.c.unsubscribed_at,
            suppressions.c.reason,
            suppressions.c.suppressed_at,
            returns.c.address_key,
        )
        .outerjoin_from(subscribers, suppressions, suppressions.c.address_key == subscribers.c.address_key)
        .outerjoin(returns, returns.c.address_key == subscribers.c.address_key)
        .where(subscribers.c.id == referred_id)
    )
    status, left_at, reason, suppressed_at, coming_back = connection.execute(query).one()
    held = None if reason is None or coming_back is not None else SuppressionReason(reason)
    moments = [left_at if status == SubscriberStatus.UNSUBSCRIBED else None, suppressed_at if held else None]
    since = min((at for at in moments if at is not None), default=None)
    return Friend(SubscriberStatus(status), held, since)


def reject_open(connection: Connection, referred_ids: Collection[int], reason: ReferralReason, now: datetime) -> int:
    """What has not counted yet of these friends never will; how many."""
    statement = (
        update(referrals)
        .where(referrals.c.referred_id.in_(sorted(referred_ids)), referrals.c.state.in_(_OPEN))
        .values(state=ReferralState.REJECTED, reason=reason, decided_at=now)
    )
    return connection.execute(statement).rowcount


def _referral(row: Any) -> Referral:
    return Referral(
        id=row.id,
        referrer_id=row.referrer_id,
        referred_id=row.referred_id,
        state=ReferralState(row.state),
        reason=row.reason,
        recorded_at=row.recorded_at,
        confirmed_at=row.confirmed_at,
        decided_at=row.decided_at,
    )
