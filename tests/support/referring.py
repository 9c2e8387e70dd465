"""Referrals for tests: who brought whom, and the tick that lets it count."""

from tests.support.makers import NOW
from worker.domain.milestone import Approval, Milestone, ReferralRules, Reward
from worker.store.engine import reading
from worker.store.referrals import add_referral, confirm_referral, count_verified
from worker.usecases.verify_referrals import verify_referrals

ZONE = "America/Denver"


def make_milestone(milestone_id="month", friends=3, *, months=0, text="", manual=False, **reward):
    """A milestone; a month of the paid letter unless another reward is named."""
    if not months and not text and not reward:
        months = 1
    approval = Approval.MANUAL if manual else Approval.AUTOMATIC
    return Milestone(
        milestone_id, friends, f"the reward {milestone_id}", Reward(months=months, text=text, **reward), approval
    )


def make_rules(*milestones, **given):
    """A publication's rules with these milestones."""
    return ReferralRules(milestones=tuple(sorted(milestones, key=lambda one: one.friends)), **given)


def bring(connection, referrer, friend, at=NOW):
    """A friend comes by this reader's code, and is confirmed if their record is."""
    assert add_referral(connection, referrer.id, friend.id, at)
    confirm_referral(connection, friend.id, at)


def verify(engine, rules=None, at=NOW):
    """What ticks do about referrals, until nothing is left to do."""
    rules = rules or ReferralRules()
    while verify_referrals(engine, rules, ZONE, at):
        pass
    verify_referrals(engine, rules, ZONE, at)


def counted(engine, referrer):
    """How many of a reader's friends count."""
    with reading(engine) as connection:
        return count_verified(connection, referrer.id)
