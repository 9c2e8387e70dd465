"""What a person has earned by one record of theirs no other record of theirs will earn: it is noted there as void.

So whoever looks at one record alone, as merge tags in a letter do, promises nothing that would not be given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import exists, select

from worker.domain.milestone import Milestone, RewardState
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.known_keys import known_before, remember_own, same_person
from worker.store.milestones import EarnedReward, reach, rewards_of
from worker.store.tables import referral_rewards, subscribers


def share_earned(connection: Connection, person: Collection[int], now: datetime) -> None:
    """These records are one person's. Repeating it changes nothing, and records that ended are left alone."""
    earned = rewards_of(connection, person) if len(person) > 1 else []
    if not earned:
        return
    first: dict[str, EarnedReward] = {}
    for one in earned:
        first.setdefault(one.milestone_id, one)
    own = {(one.subscriber_id, one.milestone_id) for one in earned}
    here = select(subscribers.c.id).where(
        subscribers.c.id.in_(sorted(person)), subscribers.c.status != SubscriberStatus.ERASED
    )
    for subscriber_id in connection.execute(here).scalars().all():
        for one in first.values():
            if (subscriber_id, one.milestone_id) not in own:
                milestone = Milestone(one.milestone_id, one.friends, one.name, one.reward)
                reach(connection, subscriber_id, milestone, RewardState.VOID, now)


def share_with_new(connection: Connection, news: Mapping[str, tuple[int, datetime]]) -> None:
    """New subscribers by address key, each with their id and when they came: for those who were here before.

    Costs one look where nobody has earned anything, and a few for a thousand otherwise.
    """
    if not news or not connection.execute(select(exists().select_from(referral_rewards))).scalar_one():
        return
    joined = dict(news.values())
    known = known_before(connection, {subscriber_id: key for key, (subscriber_id, _) in news.items()})
    remember_own(connection, known)
    for subscriber_id in known:
        share_earned(connection, same_person(connection, subscriber_id), joined[subscriber_id])
