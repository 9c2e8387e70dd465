"""Milestones: what so many friends bring, and whether a friend counts."""

import pytest

from tests.support.referring import make_milestone, make_rules
from worker.domain.milestone import Reward, next_milestone, reached, read_reward, write_reward
from worker.domain.referral import SignupFacts, at_signup, when_due
from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import SuppressionReason

HAT, MONTH, YEAR = make_milestone("hat", 1, text="A hat"), make_milestone("month", 3), make_milestone("year", 9)
ALL = (HAT, MONTH, YEAR)


def test_more_than_enough_is_enough():
    assert reached(ALL, 5, ()) == [HAT, MONTH]
    assert reached(ALL, 5, {"hat"}) == [MONTH]
    assert reached(ALL, 0, ()) == []


def test_the_next_one_is_the_nearest_that_is_not_earned_yet():
    assert next_milestone(ALL, 0, ()) is HAT
    assert next_milestone(ALL, 2, {"hat"}) is MONTH
    assert next_milestone(ALL, 2, {"hat", "month"}) is YEAR
    assert next_milestone(ALL, 9, {"hat", "month", "year"}) is None
    assert next_milestone((), 3, ()) is None


@pytest.mark.parametrize(
    "reward", [Reward(months=3), Reward(file="a.pdf"), Reward(link="https://x.test/ü"), Reward(text="ü")]
)
def test_a_reward_is_read_as_it_was_written(reward):
    assert read_reward(write_reward(reward)) == reward


def test_only_a_change_of_milestones_changes_the_fingerprint():
    rules = make_rules(HAT, MONTH)
    assert rules.fingerprint == make_rules(MONTH, HAT, days=3, per_network=9).fingerprint
    others = (
        make_rules(HAT),
        make_rules(HAT, make_milestone("month", 2)),
        make_rules(HAT, make_milestone("month", months=2)),
    )
    assert len({rules.fingerprint, *(one.fingerprint for one in others)}) == 4


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (SignupFacts(), ("pending", "")),
        (SignupFacts(is_referrer=True, tagged=True, disposable=True), ("rejected", "self")),
        (SignupFacts(here_twice=True, was_here=True), ("rejected", "alias")),
        (SignupFacts(tagged=True), ("rejected", "alias")),
        (SignupFacts(was_here=True), ("rejected", "known")),
        (SignupFacts(disposable=True, same_network=True), ("rejected", "disposable")),
        (SignupFacts(same_network=True, from_network=9), ("pending", "same network")),
        (SignupFacts(from_network=3), ("pending", "")),
        (SignupFacts(from_network=4), ("pending", "burst")),
    ],
)
def test_what_a_sign_up_by_a_code_comes_to(facts, expected):
    assert at_signup(facts, 3) == expected


@pytest.mark.parametrize(
    ("status", "suppressed", "suspicion", "expected"),
    [
        ("confirmed", None, "", ("verified", "")),
        ("confirmed", None, "burst", ("review", "burst")),
        ("confirmed", "bounced", "burst", ("rejected", "bounced")),
        ("confirmed", "complained", "", ("rejected", "complained")),
        ("confirmed", "manual", "", ("rejected", "suppressed")),
        ("unsubscribed", "unsubscribed", "", ("rejected", "left")),
        ("unsubscribed", None, "", ("rejected", "left")),
        ("erased", None, "", ("rejected", "erased")),
    ],
)
def test_what_becomes_of_a_friend_who_confirmed_long_enough_ago(status, suppressed, suspicion, expected):
    held = SuppressionReason(suppressed) if suppressed else None
    assert when_due(SubscriberStatus(status), held, suspicion) == expected
