"""Approve a reward: a milestone that waits for the author's word is granted, and its mail noted, in one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from worker.domain.milestone import ReferralRules, Reward
from worker.errors import BroadsheetError, SourceError
from worker.store.engine import Connection, Engine, write
from worker.store.grants import hold
from worker.store.milestones import EarnedReward, approve, waiting_rewards
from worker.usecases.award_milestones import fulfil


def approve_reward(engine: Engine, reward_id: int, rules: ReferralRules, zone: str, now: datetime) -> EarnedReward:
    """Grant it. One that came with a list is known by its id alone, and brings what `rules` say of that milestone now.

    Raises BroadsheetError where nothing of that number waits, SourceError where such a milestone is not in the rules.
    """

    def act(connection: Connection) -> EarnedReward:
        waiting = next((one for one in waiting_rewards(connection) if one.id == reward_id), None)
        if waiting is None or not hold(connection, waiting.subscriber_id):
            raise _nothing_waits(reward_id)
        granted = approve(connection, _as_promised(waiting, rules), now)
        if granted is None:
            raise _nothing_waits(reward_id)
        fulfil(connection, granted.subscriber_id, granted.milestone_id, granted.reward, zone, now)
        return granted

    return write(engine, act)


def _as_promised(reward: EarnedReward, rules: ReferralRules) -> EarnedReward:
    """The reward with its name and what it brings, also where it came with a list. Raises SourceError."""
    if reward.reward != Reward():
        return reward
    found = next((one for one in rules.milestones if one.id == reward.milestone_id), None)
    if found is None:
        raise SourceError(
            f"has no milestone {reward.milestone_id!r}, and the list that reward {reward.id} came with does not say what it brings",
            file="content/publication.toml",
            fix=f'write it there again: [[referral.milestones]] with id = "{reward.milestone_id}"; then approve it',
        )
    return replace(reward, name=found.name, reward=found.reward)


def _nothing_waits(reward_id: int) -> BroadsheetError:
    return BroadsheetError(
        f"no reward {reward_id} waits for approval",
        fix="`broadsheet referrals approve` without a number lists what waits",
    )
