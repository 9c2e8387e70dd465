"""A friend who waits for a look stayed for long enough before they waited: leaving since takes nothing from the referrer."""

from datetime import timedelta

import pytest

from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import ZONE, counted, make_rules, verify
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.referral_reports import referrals_in_review
from worker.store.referrals import referral_by_id
from worker.usecases.record_referral import credit_referrer
from worker.usecases.review_referral import accept_referral
from worker.usecases.unsubscribe import unsubscribe

DAY = timedelta(days=1)
RULES = make_rules(days=3, per_network=1)


@pytest.fixture
def reader(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection, address="noor@example.com")


def one_in_review_leaves(engine, reader, at):
    """Two friends come from one network and stay their days; the one who waits for a look then leaves. The referral's id."""
    with writing(engine) as connection:
        for friend in make_subscribers(connection, 2):
            credit_referrer(connection, [reader.referral_code], friend.id, NOW, RULES, "a network")
    verify(engine, RULES, NOW + 3 * DAY)
    with reading(engine) as connection:
        [waiting] = referrals_in_review(connection)
        friend_id = referral_by_id(connection, waiting.id).referred_id
    unsubscribe(engine, friend_id, at)
    return waiting.id


def test_who_left_after_the_days_were_over_counts_when_they_are_accepted(engine, reader):
    waiting = one_in_review_leaves(engine, reader, NOW + 4 * DAY)
    accepted = accept_referral(engine, waiting, RULES, ZONE, NOW + 40 * DAY)
    assert (accepted.state, accepted.reason, counted(engine, reader)) == ("verified", "", 2)


def test_who_left_before_does_not_count_though_they_are_accepted(engine, reader):
    """There are more days by now than there were: what is written now counts, as it does for the clock."""
    waiting = one_in_review_leaves(engine, reader, NOW + 4 * DAY)
    accepted = accept_referral(engine, waiting, make_rules(days=7), ZONE, NOW + 40 * DAY)
    assert (accepted.state, accepted.reason, counted(engine, reader)) == ("rejected", "left", 1)
