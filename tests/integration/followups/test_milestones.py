"""Milestones: reached by as many friends or more, each once, in whatever order friends come and thresholds change."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import ZONE, bring, counted, make_milestone, make_rules, verify
from worker.domain.milestone import RewardState
from worker.errors import BroadsheetError
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import read_grants
from worker.store.milestones import rewards_of, waiting_rewards
from worker.store.referral_reports import referrals_in_review
from worker.store.subscribers import by_id
from worker.store.tables import referral_rewards, referrals, triggers
from worker.usecases.approve_reward import approve_reward
from worker.usecases.record_referral import credit_referrer
from worker.usecases.review_referral import accept_referral, reject_referral
from worker.usecases.verify_referrals import verify_referrals

HAT, MONTH = make_milestone("hat", 2, text="A hat"), make_milestone("month", 3, months=2)
RULES = make_rules(HAT, MONTH)


@pytest.fixture
def reader(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection)


def friends(engine, reader, count, at=NOW):
    with writing(engine) as connection:
        for friend in make_subscribers(connection, count):
            bring(connection, reader, friend, at)


def earned(engine, reader):
    with reading(engine) as connection:
        return {one.milestone_id: one.state.value for one in rewards_of(connection, [reader.id])}


def noted(engine):
    """(event, occurrence) of every trigger, in order, without what the referrals' own ids are."""
    with reading(engine) as connection:
        rows = connection.execute(select(triggers).order_by(triggers.c.id)).all()
    return [(row.event, "" if row.event == "verified" else row.occurrence) for row in rows if row.event != "paid"]


def test_each_is_reached_once_its_months_are_given_and_everything_is_noted(engine, reader):
    friends(engine, reader, 3)
    verify(engine, RULES)
    assert earned(engine, reader) == {"hat": "granted", "month": "granted"}
    assert noted(engine) == [
        ("verified", ""),
        ("almost", "hat"),
        ("verified", ""),
        ("milestone", "hat"),
        ("almost", "month"),
        ("verified", ""),
        ("milestone", "month"),
    ]
    with reading(engine) as connection:
        assert by_id(connection, reader.id).plan == "paid"
        [grant] = read_grants(connection, reader.id)
    assert (grant.key, grant.months, grant.source) == (f"referral:{reader.id}:month", 2, "reward")


def test_more_friends_and_more_ticks_earn_nothing_again(engine, reader):
    friends(engine, reader, 3)
    verify(engine, RULES)
    friends(engine, reader, 4)
    for days in range(3):
        verify(engine, RULES, NOW + timedelta(days=days))
    with reading(engine) as connection:
        assert len(read_grants(connection, reader.id)) == 1
        assert len(rewards_of(connection, [reader.id])) == 2


def test_more_than_enough_at_once_is_enough(engine, reader):
    """An author who adds milestones later rewards those who are past them long since."""
    friends(engine, reader, 5)
    verify(engine, make_rules())
    assert earned(engine, reader) == {}
    verify(engine, RULES)
    assert earned(engine, reader) == {"hat": "granted", "month": "granted"}
    assert "almost" not in [event for event, _ in noted(engine)]


def test_a_lower_threshold_rewards_who_is_past_it_and_a_higher_one_takes_nothing_back(engine, reader):
    friends(engine, reader, 2)
    verify(engine, make_rules(make_milestone("month", 4)))
    assert earned(engine, reader) == {}
    verify(engine, make_rules(make_milestone("month", 2)))
    assert earned(engine, reader) == {"month": "granted"}
    verify(engine, make_rules(make_milestone("month", 9)))
    friends(engine, reader, 9)
    verify(engine, make_rules(make_milestone("month", 9)))
    with reading(engine) as connection:
        assert len(read_grants(connection, reader.id)) == 1


def test_a_changed_threshold_is_worked_off_in_bounded_pieces(engine, reader):
    with writing(engine) as connection:
        many = make_subscribers(connection, 8)
        for referrer, friend in zip(many, make_subscribers(connection, 8), strict=True):
            bring(connection, referrer, friend)
    verify(engine, make_rules())
    rules = make_rules(make_milestone("hat", 1, text="A hat"))
    looked = []
    for _ in range(4):
        verify_referrals(engine, rules, ZONE, NOW, at_once=3)
        with reading(engine) as connection:
            looked.append(len(connection.execute(select(referral_rewards.c.id)).all()))
    assert looked == [3, 6, 8, 8]


def test_friends_who_leave_later_take_nothing_back(engine, reader):
    friends(engine, reader, 3)
    verify(engine, RULES)
    with writing(engine) as connection:
        connection.execute(delete(referrals))
    verify(engine, RULES)
    assert set(earned(engine, reader)) == {"hat", "month"}


def test_what_is_to_be_approved_waits_and_its_mail_with_it(engine, reader):
    rules = make_rules(make_milestone("call", 1, months=1, manual=True))
    friends(engine, reader, 1)
    verify(engine, rules)
    with reading(engine) as connection:
        [waiting] = waiting_rewards(connection)
        assert read_grants(connection, reader.id) == []
    assert ("milestone", "call") not in noted(engine)
    approve_reward(engine, waiting.id, rules, ZONE, NOW)
    assert ("milestone", "call") in noted(engine)
    with reading(engine) as connection:
        assert len(read_grants(connection, reader.id)) == 1
    with pytest.raises(BroadsheetError, match="no reward"):
        approve_reward(engine, waiting.id, rules, ZONE, NOW)


def test_many_clocks_and_operators_at_once_give_everything_once(engine, reader):
    friends(engine, reader, 6)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: verify_referrals(engine, RULES, ZONE, NOW), range(4)))
    assert counted(engine, reader) == 6
    assert [event for event, _ in noted(engine)].count("verified") == 6
    with reading(engine) as connection:
        assert len(read_grants(connection, reader.id)) == 1


def test_a_referral_in_review_counts_when_accepted_and_never_when_rejected(engine, reader):
    rules = make_rules(make_milestone("hat", 2, text="A hat"), per_network=1)
    with writing(engine) as connection:
        for friend in make_subscribers(connection, 3):
            credit_referrer(connection, [reader.referral_code], friend.id, NOW, rules, "a network")
    verify(engine, rules)
    assert counted(engine, reader) == 1
    with reading(engine) as connection:
        first, second = referrals_in_review(connection)
    assert accept_referral(engine, first.id, rules, ZONE, NOW).state == "verified"
    assert reject_referral(engine, second.id, NOW).reason == "operator"
    assert counted(engine, reader) == 2
    assert earned(engine, reader) == {"hat": "granted"}
    for again in (first.id, second.id, 4711):
        with pytest.raises(BroadsheetError):
            accept_referral(engine, again, rules, ZONE, NOW)


def test_an_erased_referrers_friends_are_history_and_earn_nothing(engine, reader):
    from worker.usecases.erase_subscriber import erase_subscriber

    friends(engine, reader, 3)
    erase_subscriber(engine, reader.address, NOW, None, without_sendgrid=True)
    verify(engine, RULES)
    assert counted(engine, reader) == 3
    assert (earned(engine, reader), noted(engine)) == ({}, [])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(["friend 1", "friend 2", "friend 3", "friend 4", "accept", "lower", "tick"]))
def test_any_order_of_the_same_events_gives_the_same_rewards(sqlite_engine, order):
    """Four friends confirm, one of whom a person accepts; the threshold of the hat is lowered; ticks come when they come."""
    engine, lowered = sqlite_engine, False
    high, low = make_rules(make_milestone("hat", 9, text="A hat"), MONTH), make_rules(HAT, MONTH)
    with writing(engine) as connection:
        reader = make_subscriber(connection)
        odd = make_subscriber(connection)
        credit_referrer(connection, [reader.referral_code], odd.id, NOW, make_rules(per_network=0), f"n{reader.id}")
    verify(engine, high)
    for event in order:
        if event.startswith("friend"):
            friends(engine, reader, 1)
        elif event == "accept":
            with reading(engine) as connection:
                [one] = [line for line in referrals_in_review(connection) if line.referrer_id == reader.id]
            accept_referral(engine, one.id, low if lowered else high, ZONE, NOW)
        elif event == "lower":
            lowered = True
        verify(engine, low if lowered else high) if event in ("tick", "lower") else None
    verify(engine, low)
    assert earned(engine, reader) == {"hat": "granted", "month": "granted"}
    assert counted(engine, reader) == 5
    with reading(engine) as connection:
        assert [one.months for one in read_grants(connection, reader.id)] == [2]


def test_all_orders_of_three_friends_reach_the_same(engine, reader):
    for order in permutations(range(3)):
        with writing(engine) as connection:
            one = make_subscriber(connection)
            three = make_subscribers(connection, 3)
            for number in order:
                bring(connection, one, three[number], NOW + timedelta(minutes=number))
        verify(engine, RULES, NOW + timedelta(hours=1))
        assert set(earned(engine, one)) == {"hat", "month"}
    assert RewardState.VOID.value not in earned(engine, reader).values()
