"""Several records turn out to be one person's, the part of referrals: they count once, and nothing is earned twice.

Records of theirs that ended earlier are looked at as well. What has to give way is kept, rejected with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, func, insert, select, update

from worker.domain.milestone import RewardState
from worker.domain.referral import ReferralReason, ReferralState
from worker.store.earned_before import share_earned
from worker.store.engine import Connection
from worker.store.grants import read_grants, revoke
from worker.store.known_keys import same_person
from worker.store.milestones import EarnedReward, drop_void, move_reward, note_recheck, rewards_of, void
from worker.store.tables import referrals, subscribers

#: Of several referrals of one person the one that is furthest counts, for it may have earned something; then the earliest.
_RANKS = {ReferralState.VERIFIED: 0, ReferralState.REVIEW: 1, ReferralState.PENDING: 2}


def merge_referrals(connection: Connection, from_id: int, into_id: int, now: datetime) -> None:
    """Friends go along; nobody has brought themself, and a person who was brought twice counts for one of both."""
    both = (from_id, into_id)
    connection.execute(delete(referrals).where(referrals.c.referrer_id.in_(both), referrals.c.referred_id.in_(both)))
    connection.execute(update(referrals).where(referrals.c.referrer_id == from_id).values(referrer_id=into_id))
    note_recheck(connection, into_id)
    kept = count_once(connection, same_person(connection, from_id) | same_person(connection, into_id), now)
    if kept is not None and kept.referred_id == from_id:
        _swap(connection, kept.id, from_id, into_id)


def merge_rewards(connection: Connection, from_id: int, into_id: int, zone: str, now: datetime) -> None:
    """What was earned goes along. What both records earned is theirs once."""
    reward_once(connection, same_person(connection, from_id) | same_person(connection, into_id), zone, now)
    own = {one.milestone_id: one for one in rewards_of(connection, [into_id])}
    for reward in rewards_of(connection, [from_id]):
        stands = own.get(reward.milestone_id)
        if reward.state is RewardState.VOID or (stands is not None and stands.state is not RewardState.VOID):
            continue
        if stands is not None:
            drop_void(connection, stands.id)
        move_reward(connection, reward.id, into_id)


def count_once(connection: Connection, person: Collection[int], now: datetime) -> Row[Any] | None:
    """These records turn out to be one person's: of their referrals one may count, and none by themself; returns that one."""
    ids = sorted(person)
    own = select(referrals.c.id).where(referrals.c.referrer_id.in_(ids), referrals.c.referred_id.in_(ids))
    _reject(connection, connection.execute(own).scalars().all(), ReferralReason.SELF, now)
    _reject(connection, _recorded_too_late(connection, ids), ReferralReason.KNOWN, now)
    alive = select(referrals).where(referrals.c.referred_id.in_(ids), referrals.c.state.in_(list(_RANKS)))
    found = sorted(connection.execute(alive).all(), key=lambda row: (_RANKS[row.state], row.recorded_at, row.id))
    if not found:
        return None
    _reject(connection, [row.id for row in found[1:]], ReferralReason.MERGED, now)
    confirmed = min((row.confirmed_at for row in found if row.confirmed_at is not None), default=None)
    connection.execute(update(referrals).where(referrals.c.id == found[0].id).values(confirmed_at=confirmed))
    return found[0]


def reward_once(connection: Connection, person: Collection[int], zone: str, now: datetime) -> None:
    """These records turn out to be one person's: of a milestone that several earned the later is void, and its months end now.

    What was granted stands before what waits: months that somebody has are not taken back for a promise.
    """
    earned = set[str]()
    for reward in sorted(rewards_of(connection, person), key=lambda one: one.state is not RewardState.GRANTED):
        if reward.state is RewardState.VOID:
            continue
        if reward.milestone_id in earned:
            void(connection, reward.id)
            _take_back(connection, reward, zone, now)
        earned.add(reward.milestone_id)
    share_earned(connection, person, now)


def _recorded_too_late(connection: Connection, ids: Collection[int]) -> Sequence[int]:
    """The referrals that have not counted yet, and were recorded when a record that nobody brought was a reader already."""
    brought = exists().where(referrals.c.referred_id == subscribers.c.id)
    readers = select(func.min(subscribers.c.confirmed_at)).where(subscribers.c.id.in_(ids), ~brought)
    late = select(referrals.c.id).where(
        referrals.c.referred_id.in_(ids),
        referrals.c.state.in_((ReferralState.PENDING, ReferralState.REVIEW)),
        referrals.c.recorded_at > readers.scalar_subquery(),
    )
    return connection.execute(late).scalars().all()


def _take_back(connection: Connection, reward: EarnedReward, zone: str, now: datetime) -> None:
    for grant in read_grants(connection, reward.subscriber_id):  # its key names the record that earned it
        ours = grant.key.startswith("referral:") and grant.key.endswith(f":{reward.milestone_id}")
        if ours and grant.revoked_at is None:
            revoke(connection, reward.subscriber_id, grant.id, zone, now)


def _reject(connection: Connection, ids: Collection[int], reason: str, now: datetime) -> None:
    values = {"state": ReferralState.REJECTED, "reason": reason, "decided_at": now}
    connection.execute(update(referrals).where(referrals.c.id.in_(sorted(ids))).values(values))


def _swap(connection: Connection, kept_id: int, from_id: int, into_id: int) -> None:
    """The referral that counts goes to the record that goes on; what stood there, rejected, to the one that ends."""
    stood: Row[Any] | None = connection.execute(select(referrals).where(referrals.c.referred_id == into_id)).first()
    connection.execute(delete(referrals).where(referrals.c.referred_id == into_id))
    connection.execute(update(referrals).where(referrals.c.id == kept_id).values(referred_id=into_id))
    if stood is not None:
        connection.execute(insert(referrals).values({**stood._mapping, "referred_id": from_id}))
