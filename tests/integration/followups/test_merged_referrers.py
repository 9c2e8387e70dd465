"""Two records turn out to be one person's: who read before is no new friend, and what was granted stays."""

from datetime import timedelta

import pytest

from tests.support.makers import NOW, make_subscriber
from tests.support.referring import ZONE, bring, counted, make_milestone, make_rules, verify
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import read_grants
from worker.store.milestones import rewards_of, waiting_rewards
from worker.store.referrals import confirm_referral, referral_of
from worker.store.subscribers import by_address_key, set_status
from worker.usecases.approve_reward import approve_reward
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.record_referral import credit_referrer

DAY = timedelta(days=1)


@pytest.fixture
def reader(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection, address="noor@example.com")


def merge(engine, ends, stays, now):
    merge_subscribers(engine, ends, stays, ZONE, now, None, without_sendgrid=True)


def arrive(engine, reader, address, confirmed_at=None):
    """Somebody comes by the reader's link, and perhaps confirms; their id."""
    with writing(engine) as connection:
        friend = make_subscriber(connection, address=address, status="pending")
        credit_referrer(connection, [reader.referral_code], friend.id, NOW)
        if confirmed_at is not None:
            set_status(connection, friend.id, SubscriberStatus.CONFIRMED, confirmed_at)
            confirm_referral(connection, friend.id, confirmed_at)
    return friend.id


@pytest.mark.parametrize("confirmed_at", [None, NOW])
@pytest.mark.parametrize(
    ("ends", "stays"), [("kim@work.example", "kim@example.org"), ("kim@example.org", "kim@work.example")]
)
def test_who_has_read_for_years_is_no_new_friend(engine, reader, ends, stays, confirmed_at):
    with writing(engine) as connection:
        make_subscriber(connection, address="kim@example.org")  # whom nobody brought
    friend = arrive(engine, reader, "kim@work.example", confirmed_at)
    merge(engine, ends, stays, NOW)
    verify(engine, at=NOW + DAY)
    with reading(engine) as connection:
        found = referral_of(connection, friend)
    assert (counted(engine, reader), found.state, found.reason) == (0, "rejected", "known")


def test_who_confirmed_after_they_had_come_by_a_link_is_a_friend(engine, reader):
    with writing(engine) as connection:
        make_subscriber(connection, address="kim@example.org", joined_at=NOW + timedelta(hours=1))
    arrive(engine, reader, "kim@work.example")
    merge(engine, "kim@work.example", "kim@example.org", NOW + DAY)
    verify(engine, at=NOW + DAY)
    assert counted(engine, reader) == 1


def test_who_never_confirmed_before_is_a_friend(engine, reader):
    with writing(engine) as connection:
        make_subscriber(connection, address="kim@example.org", status="pending")
    arrive(engine, reader, "kim@work.example", NOW)
    merge(engine, "kim@work.example", "kim@example.org", NOW)
    verify(engine, at=NOW + DAY)
    assert counted(engine, reader) == 1


def test_what_counted_before_the_merge_counts_on(engine, reader):
    with writing(engine) as connection:
        make_subscriber(connection, address="kim@example.org")
    arrive(engine, reader, "kim@work.example", NOW)
    verify(engine, at=NOW)
    merge(engine, "kim@work.example", "kim@example.org", NOW)
    assert counted(engine, reader) == 1


@pytest.mark.parametrize("approved", ["a@example.org", "b@example.org"])
def test_months_that_were_approved_stay_when_the_other_record_still_waits(engine, reader, approved):
    rules = make_rules(make_milestone("month", 1, manual=True))
    with writing(engine) as connection:
        both = {one: make_subscriber(connection, address=one) for one in ("a@example.org", "b@example.org")}
        for whose in both.values():
            bring(connection, whose, make_subscriber(connection), NOW + timedelta(hours=whose.id))
    verify(engine, rules, NOW + 3 * DAY)
    with reading(engine) as connection:
        [wanted] = [one for one in waiting_rewards(connection) if one.subscriber_id == both[approved].id]
    approve_reward(engine, wanted.id, rules, ZONE, NOW + 4 * DAY)
    merge(engine, "a@example.org", "b@example.org", NOW + 5 * DAY)
    with reading(engine) as connection:
        assert by_address_key(connection, "b@example.org").plan == "paid"
        assert [one.revoked_at for one in read_grants(connection, both["b@example.org"].id)] == [None]
        states = [one.state for one in rewards_of(connection, [one.id for one in both.values()])]
        assert waiting_rewards(connection) == []
    assert [one for one in states if one != "void"] == ["granted"]
