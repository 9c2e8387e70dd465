"""Rules of a step: the one that is built in, and what a mailing keeps of all of them."""

from worker.domain.segment import RULES_MOST, All, Any, HasPlan, HasTag, ReferredAtLeast, ReferredAtMost
from worker.domain.segment_words import describe
from worker.domain.step_rules import StepRules, dump_rules, load_rules, one_friend_short
from worker.domain.subscriber import Plan
from worker.sources.referrals import MILESTONES_MOST

PAID = HasPlan(Plan.PAID)


def test_one_friend_short_means_exactly_one_of_each_threshold():
    def short(friends):
        return All((ReferredAtLeast(friends), ReferredAtMost(friends)))

    assert one_friend_short([3, 1, 3]) == Any((short(0), short(2)))
    assert one_friend_short([3], PAID) == All((Any((short(2),)), PAID))
    assert one_friend_short([]) == Any(())  # nobody is
    assert describe(one_friend_short([2, 4])) == "(exactly 1 friend brought) or (exactly 3 friends brought)"


def test_a_mailing_keeps_the_longest_rule_there_can_be():
    own = All(tuple(HasTag(f"tag {number}") for number in range(RULES_MOST - 1)))
    rules = StepRules(one_friend_short(range(1, MILESTONES_MOST + 1), own), PAID)
    assert load_rules(dump_rules(rules, "UTC")) == rules
