"""Look at one reader's friends: how many count, what comes next, what was earned. Names nobody they brought."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from worker.domain.milestone import Milestone, ReferralRules, Reward, RewardState, next_milestone
from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.store.consent import surviving
from worker.store.engine import Engine, reading
from worker.store.milestones import EarnedReward, rewards_of
from worker.store.records import ids_of
from worker.store.referrals import count_verified
from worker.store.referrers import is_named


@dataclass(frozen=True, slots=True)
class Friends:
    """What a reader's own page shows. `ahead` is None where nothing is left to reach."""

    reader: Subscriber
    count: int
    ahead: Milestone | None
    rewards: tuple[EarnedReward, ...]
    is_named: bool

    @property
    def to_go(self) -> int:
        """Friends that are missing to the next milestone."""
        return 0 if self.ahead is None else self.ahead.friends - self.count


def look_at_friends(engine: Engine, subscriber_id: int, rules: ReferralRules) -> Friends | None:
    """The page of the reader a link names; None where there is nobody any more."""
    with reading(engine) as connection:
        reader = surviving(connection, subscriber_id)
        if reader is None or reader.status is SubscriberStatus.ERASED:
            return None
        count = count_verified(connection, reader.id)
        earned = rewards_of(connection, ids_of(connection, reader.id))
        named = is_named(connection, reader.id)
    written = {one.id: one for one in rules.milestones}
    ahead = next_milestone(rules.milestones, count, {one.milestone_id for one in earned})
    shown = tuple(_told(one, written) for one in earned if one.state is not RewardState.VOID)
    return Friends(reader, count, ahead, shown, named)


def _told(earned: EarnedReward, written: Mapping[str, Milestone]) -> EarnedReward:
    """A reward that came with a list from elsewhere is known by its id alone; the rest is in publication.toml, if anywhere."""
    found = written.get(earned.milestone_id)
    if earned.reward != Reward() or found is None:
        return earned
    return replace(earned, name=found.name, reward=found.reward)
