"""Milestones that were reached: each once for a reader, and kept whatever friends, thresholds or files do later.

Whoever writes for a reader holds their row first (grants.hold), so two at once go one after the other. Which milestones
there are is the publication's business; what a reward gives is done by worker/usecases/award_milestones.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.milestone import Milestone, Reward, RewardState, read_reward, write_reward
from worker.domain.referral import ReferralState
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.tables import (
    referral_programme,
    referral_rechecks,
    referral_rewards,
    referrals,
    subscribers,
)


@dataclass(frozen=True, slots=True)
class EarnedReward:
    """One milestone of one reader, as it was promised when they reached it."""

    id: int
    subscriber_id: int
    milestone_id: str
    name: str
    friends: int
    reward: Reward
    state: RewardState
    reached_at: datetime
    granted_at: datetime | None


class Programme(NamedTuple):
    """The milestones everybody was looked at by; `looked_through` None: at everybody, else up to this referrer."""

    fingerprint: str
    looked_through: int | None


def reach(connection: Connection, subscriber_id: int, milestone: Milestone, state: RewardState, now: datetime) -> bool:
    """Note that a reader has reached a milestone; False where that was noted before."""
    statement = (
        _insert(connection)(referral_rewards)
        .values(
            subscriber_id=subscriber_id,
            milestone_id=milestone.id,
            name=milestone.name,
            friends=milestone.friends,
            reward=write_reward(milestone.reward),
            state=state,
            reached_at=now,
            granted_at=now if state is RewardState.GRANTED else None,
        )
        .on_conflict_do_nothing(index_elements=["subscriber_id", "milestone_id"])
        .returning(referral_rewards.c.id)
    )
    return connection.execute(statement).first() is not None


def earned_among(connection: Connection, subscriber_ids: Collection[int]) -> frozenset[str]:
    """The ids of milestones that any of these records has reached."""
    query = select(referral_rewards.c.milestone_id).where(referral_rewards.c.subscriber_id.in_(sorted(subscriber_ids)))
    return frozenset(connection.execute(query).scalars())


def rewards_of(connection: Connection, subscriber_ids: Collection[int]) -> list[EarnedReward]:
    """What these records have reached, the earliest first."""
    query = (
        select(referral_rewards)
        .where(referral_rewards.c.subscriber_id.in_(sorted(subscriber_ids)))
        .order_by(referral_rewards.c.reached_at, referral_rewards.c.id)
    )
    return [_reward(row) for row in connection.execute(query)]


def waiting_rewards(connection: Connection) -> list[EarnedReward]:
    """What waits for approval, the longest first; nobody who was erased."""
    query = (
        select(referral_rewards)
        .join(subscribers, subscribers.c.id == referral_rewards.c.subscriber_id)
        .where(
            referral_rewards.c.state == RewardState.WAITING,
            subscribers.c.status != SubscriberStatus.ERASED,
        )
        .order_by(referral_rewards.c.id)
    )
    return [_reward(row) for row in connection.execute(query)]


def approve(connection: Connection, reward: EarnedReward, now: datetime) -> EarnedReward | None:
    """Grant what waits, by the name and with the reward it is given here; None where it does not wait."""
    statement = (
        update(referral_rewards)
        .where(referral_rewards.c.id == reward.id, referral_rewards.c.state == RewardState.WAITING)
        .values(state=RewardState.GRANTED, granted_at=now, name=reward.name, reward=write_reward(reward.reward))
        .returning(referral_rewards)
    )
    row = connection.execute(statement).first()
    return None if row is None else _reward(row)


def given_elsewhere(connection: Connection, subscriber_id: int, milestone_id: str, now: datetime) -> bool:
    """What waits here was granted where a list comes from: it does not wait any more. False where it does not wait."""
    waiting = (
        referral_rewards.c.subscriber_id == subscriber_id,
        referral_rewards.c.milestone_id == milestone_id,
        referral_rewards.c.state == RewardState.WAITING,
    )
    granted = update(referral_rewards).where(*waiting).values(state=RewardState.GRANTED, granted_at=now)
    return connection.execute(granted).rowcount == 1


def void(connection: Connection, reward_id: int) -> None:
    """Their person has this reward by another record."""
    connection.execute(
        update(referral_rewards).where(referral_rewards.c.id == reward_id).values(state=RewardState.VOID)
    )


def drop_void(connection: Connection, reward_id: int) -> None:
    """Another record of the same person brings this reward to the record that had it void."""
    still = (referral_rewards.c.id == reward_id, referral_rewards.c.state == RewardState.VOID)
    connection.execute(delete(referral_rewards).where(*still))


def move_reward(connection: Connection, reward_id: int, subscriber_id: int) -> None:
    """The reward belongs to another record of the same person, which has none of that milestone."""
    connection.execute(
        update(referral_rewards).where(referral_rewards.c.id == reward_id).values(subscriber_id=subscriber_id)
    )


def note_recheck(connection: Connection, subscriber_id: int) -> None:
    """A tick is to look whether this referrer has reached something."""
    statement = _insert(connection)(referral_rechecks).values(subscriber_id=subscriber_id)
    connection.execute(statement.on_conflict_do_nothing())


def noted_rechecks(connection: Connection, limit: int) -> Sequence[int]:
    """Who is to be looked at."""
    query = select(referral_rechecks.c.subscriber_id).order_by(referral_rechecks.c.subscriber_id).limit(limit)
    return connection.execute(query).scalars().all()


def end_recheck(connection: Connection, subscriber_id: int) -> None:
    """They were looked at."""
    connection.execute(delete(referral_rechecks).where(referral_rechecks.c.subscriber_id == subscriber_id))


def read_programme(connection: Connection) -> Programme | None:
    """By which milestones everybody was looked at; None before the first time."""
    query = select(referral_programme.c.fingerprint, referral_programme.c.looked_through)
    row = connection.execute(query.where(referral_programme.c.id == 1)).first()
    return None if row is None else Programme(*row)


def begin_programme(connection: Connection, fingerprint: str) -> None:
    """Everybody is to be looked at by other milestones than before."""
    values = {"fingerprint": fingerprint, "looked_through": 0}
    statement = _insert(connection)(referral_programme).values(id=1, **values)
    other = referral_programme.c.fingerprint != fingerprint
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values, where=other))


def advance_programme(connection: Connection, fingerprint: str, through: int | None) -> None:
    """Everybody up to this referrer was looked at by these milestones; None: everybody."""
    still = (referral_programme.c.id == 1, referral_programme.c.fingerprint == fingerprint)
    connection.execute(update(referral_programme).where(*still).values(looked_through=through))


def referrers_after(connection: Connection, after: int, limit: int) -> list[tuple[int, int]]:
    """(referrer's id, friends that count) of the next referrers behind `after` who have any: a range of an index."""
    query = (
        select(referrals.c.referrer_id, func.count())
        .where(referrals.c.state == ReferralState.VERIFIED, referrals.c.referrer_id > after)
        .group_by(referrals.c.referrer_id)
        .order_by(referrals.c.referrer_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def _insert(connection: Connection) -> Any:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _reward(row: Row[Any]) -> EarnedReward:
    return EarnedReward(
        id=row.id,
        subscriber_id=row.subscriber_id,
        milestone_id=row.milestone_id,
        name=row.name,
        friends=row.friends,
        reward=read_reward(row.reward),
        state=RewardState(row.state),
        reached_at=row.reached_at,
        granted_at=row.granted_at,
    )
