"""Award milestones: what a referrer's friends have earned, each milestone once, whenever and however it was reached."""

from __future__ import annotations

from datetime import datetime

from worker.domain.milestone import Approval, Milestone, ReferralRules, Reward, RewardState, next_milestone, reached
from worker.domain.trigger import Trigger
from worker.store.earned_before import share_earned
from worker.store.engine import Connection
from worker.store.grants import NewGrant, give
from worker.store.known_keys import remember_own, same_person
from worker.store.milestones import earned_among, reach
from worker.store.referrals import count_verified
from worker.store.triggers import note_trigger

_STATES = {Approval.AUTOMATIC: RewardState.GRANTED, Approval.MANUAL: RewardState.WAITING}


def award_milestones(
    connection: Connection,
    referrer_id: int,
    rules: ReferralRules,
    zone: str,
    now: datetime,
    *,
    a_friend_came: bool = False,
) -> list[Milestone]:
    """Award what is reached and not there yet; the caller holds the referrer. Returns what is new.

    `a_friend_came`: note that one more is enough, where it is; a change of thresholds nudges nobody.
    """
    friends = count_verified(connection, referrer_id)
    earned = earned_among(connection, [referrer_id])
    new = reached(rules.milestones, friends, earned)
    person = frozenset[int]()
    if new:  # seldom it matters who they were before
        remember_own(connection, [referrer_id])
        person = same_person(connection, referrer_id)
        earned |= earned_among(connection, person)
        new = [one for one in new if one.id not in earned]
    for milestone in new:
        state = _STATES[milestone.approval]
        if reach(connection, referrer_id, milestone, state, now) and state is RewardState.GRANTED:
            fulfil(connection, referrer_id, milestone.id, milestone.reward, zone, now)
    share_earned(connection, person, now)
    ahead = next_milestone(rules.milestones, friends, earned)
    if a_friend_came and ahead is not None and ahead.friends == friends + 1:
        note_trigger(connection, Trigger.ALMOST, referrer_id, now, ahead.id)
    return new


def fulfil(
    connection: Connection, subscriber_id: int, milestone_id: str, reward: Reward, zone: str, now: datetime
) -> None:
    """Give what was granted, and note it for their mail. A file, a link or words are on their page; months are given here."""
    if reward.months:
        key = reward_key(subscriber_id, milestone_id)
        give(connection, subscriber_id, NewGrant(key, "reward", months=reward.months), zone, now)
    note_trigger(connection, Trigger.MILESTONE, subscriber_id, now, milestone_id)


def reward_key(subscriber_id: int, milestone_id: str) -> str:
    """The key under which a milestone's months are granted, once."""
    return f"referral:{subscriber_id}:{milestone_id}"
