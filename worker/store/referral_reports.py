"""Referrals as an author looks at them: who brought most, whom somebody brought, what waits, and all of it for a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, func, select

from worker.domain.referral import ReferralState
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.tables import named_referrers, referrals, subscribers

_PAGE = 1_000


class TopReferrer(NamedTuple):
    """One line of the leaderboard. `is_named`: they let their first name stand on their link's page."""

    referrer_id: int
    address: str
    name: str
    is_named: bool
    verified: int
    pending: int
    review: int


class ReferralLine(NamedTuple):
    """A referral with both addresses; an erased one is empty."""

    id: int
    referrer_id: int
    referrer: str
    friend: str
    state: str
    reason: str
    recorded_at: datetime
    confirmed_at: datetime | None
    decided_at: datetime | None


def top_referrers(connection: Connection, limit: int) -> Sequence[TopReferrer]:
    """Those who brought most friends that count, the most first; nobody who was erased."""
    verified = _how_many(ReferralState.VERIFIED)
    counts = (
        select(
            referrals.c.referrer_id,
            verified.label("verified"),
            _how_many(ReferralState.PENDING).label("pending"),
            _how_many(ReferralState.REVIEW).label("review"),
        )
        .group_by(referrals.c.referrer_id)
        .having(verified > 0)
        .subquery()
    )
    query = (
        select(
            counts.c.referrer_id,
            subscribers.c.address,
            subscribers.c.name,
            named_referrers.c.subscriber_id.is_not(None),
            counts.c.verified,
            counts.c.pending,
            counts.c.review,
        )
        .join(subscribers, subscribers.c.id == counts.c.referrer_id)
        .outerjoin(named_referrers, named_referrers.c.subscriber_id == counts.c.referrer_id)
        .where(subscribers.c.status != SubscriberStatus.ERASED)
        .order_by(counts.c.verified.desc(), counts.c.referrer_id)
        .limit(limit)
    )
    return [TopReferrer(row[0], row[1], row[2], bool(row[3]), *map(int, row[4:])) for row in connection.execute(query)]


def referrals_by(connection: Connection, referrer_id: int) -> Sequence[ReferralLine]:
    """Whom a reader brought, the newest first."""
    query = _lines().where(referrals.c.referrer_id == referrer_id).order_by(referrals.c.id.desc())
    return [ReferralLine(*row) for row in connection.execute(query)]


def referrals_in_review(connection: Connection) -> Sequence[ReferralLine]:
    """What waits for a person to look, the longest first."""
    query = _lines().where(referrals.c.state == ReferralState.REVIEW).order_by(referrals.c.id)
    return [ReferralLine(*row) for row in connection.execute(query)]


def stream_referrals(connection: Connection) -> Iterator[ReferralLine]:
    """Every referral, a thousand in memory at a time."""
    last = 0
    while rows := connection.execute(_lines().where(referrals.c.id > last).order_by(referrals.c.id).limit(_PAGE)).all():
        yield from (ReferralLine(*row) for row in rows)
        last = rows[-1][0]


def _how_many(state: ReferralState) -> ColumnElement[int]:
    return func.sum(case((referrals.c.state == state, 1), else_=0))


def _lines() -> Select[Any]:
    referrer, friend = subscribers.alias("referrer"), subscribers.alias("friend")
    return (
        select(
            referrals.c.id,
            referrals.c.referrer_id,
            referrer.c.address,
            friend.c.address,
            referrals.c.state,
            referrals.c.reason,
            referrals.c.recorded_at,
            referrals.c.confirmed_at,
            referrals.c.decided_at,
        )
        .join(referrer, referrer.c.id == referrals.c.referrer_id)
        .join(friend, friend.c.id == referrals.c.referred_id)
    )
