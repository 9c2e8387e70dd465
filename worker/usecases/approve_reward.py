"""Approve a reward: a milestone that waits for the author's word is granted, and its mail noted, in one transaction."""

from __future__ import annotations

from datetime import datetime

from worker.errors import BroadsheetError
from worker.store.engine import Connection, Engine, write
from worker.store.grants import hold
from worker.store.milestones import EarnedReward, approve, waiting_rewards
from worker.usecases.award_milestones import fulfil


def approve_reward(engine: Engine, reward_id: int, zone: str, now: datetime) -> EarnedReward:
    """Grant it. Raises BroadsheetError where nothing of that number waits."""

    def act(connection: Connection) -> EarnedReward:
        waiting = next((one for one in waiting_rewards(connection) if one.id == reward_id), None)
        if waiting is None or not hold(connection, waiting.subscriber_id):
            raise _nothing_waits(reward_id)
        granted = approve(connection, reward_id, now)
        if granted is None:
            raise _nothing_waits(reward_id)
        fulfil(connection, granted.subscriber_id, granted.milestone_id, granted.reward, zone, now)
        return granted

    return write(engine, act)


def _nothing_waits(reward_id: int) -> BroadsheetError:
    return BroadsheetError(
        f"no reward {reward_id} waits for approval",
        fix="`broadsheet referrals approve` without a number lists what waits",
    )
