"""Referrals: a person counts once, when confirmed, and nobody refers themselves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import IntegrityError

from tests.support.makers import NOW, make_subscriber, make_suppression
from tests.support.referring import bring, counted, make_rules, verify
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.referrals import (
    confirm_referral,
    due_referrals,
    referral_of,
)
from worker.store.referrers import note_network
from worker.store.subscribers import by_referral_code, set_status
from worker.store.tables import referrals
from worker.usecases.record_referral import ReferralAnswer, credit_referrer, record_referral


@pytest.fixture
def reader(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection, "paid", address="ada.moreno@gmail.com")


def make_friend(engine, **given):
    with writing(engine) as connection:
        return make_subscriber(connection, **given)


def found(engine, friend):
    with reading(engine) as connection:
        return referral_of(connection, friend.id)


def test_a_confirmed_friend_counts_with_the_next_tick(engine, reader):
    friend = make_friend(engine)
    assert record_referral(engine, reader.referral_code, friend.id, NOW) is ReferralAnswer.CONFIRMED
    one = found(engine, friend)
    assert (one.referrer_id, one.recorded_at, one.confirmed_at, one.state) == (reader.id, NOW, NOW, "pending")
    verify(engine)
    one = found(engine, friend)
    assert (one.state, one.reason, one.decided_at) == ("verified", "", NOW)
    assert counted(engine, reader) == 1


def test_a_pending_friend_counts_once_they_confirm_and_only_then(engine, reader):
    friend = make_friend(engine, status="pending")
    assert record_referral(engine, reader.referral_code.upper(), friend.id, NOW) is ReferralAnswer.PENDING
    with writing(engine) as connection:
        assert not confirm_referral(connection, friend.id, NOW)
    verify(engine)
    assert counted(engine, reader) == 0
    with writing(engine) as connection:
        set_status(connection, friend.id, SubscriberStatus.CONFIRMED, NOW)
        assert confirm_referral(connection, friend.id, NOW)
        assert not confirm_referral(connection, friend.id, NOW + timedelta(days=1))
        assert referral_of(connection, friend.id).confirmed_at == NOW
    verify(engine)
    assert counted(engine, reader) == 1


def test_the_first_code_keeps_the_credit(engine, reader):
    friend, second = make_friend(engine), make_friend(engine)
    record_referral(engine, reader.referral_code, friend.id, NOW)
    for code in (reader.referral_code, second.referral_code):
        assert record_referral(engine, code, friend.id, NOW) is ReferralAnswer.ALREADY_REFERRED
    verify(engine)
    assert (counted(engine, reader), counted(engine, second)) == (1, 0)


def test_of_several_codes_the_first_that_is_a_readers_counts(engine, reader):
    friend, second = make_friend(engine), make_friend(engine)
    with writing(engine) as connection:
        credit_referrer(connection, ["zzzzzzzz", "", second.referral_code, reader.referral_code], friend.id, NOW)
    assert found(engine, friend).referrer_id == second.id


@pytest.mark.parametrize("spelling", ["ADA.MORENO+again@gmail.com", "adamoreno@googlemail.com"])
def test_another_spelling_of_ones_own_address_is_no_friend(engine, reader, spelling):
    other = make_friend(engine, address=spelling)
    assert record_referral(engine, reader.referral_code, other.id, NOW) is ReferralAnswer.SELF
    assert record_referral(engine, reader.referral_code, reader.id, NOW) is ReferralAnswer.SELF
    assert (found(engine, other).state, found(engine, other).reason) == ("rejected", "self")
    assert found(engine, reader) is None
    verify(engine)
    assert counted(engine, reader) == 0


@pytest.mark.parametrize("here", [True, False])
def test_an_address_with_a_tag_counts_for_nobody_and_is_subscribed(engine, reader, here):
    if here:
        make_friend(engine, address="kim@example.org")
    alias = make_friend(engine, address="kim+letters@example.org")
    assert record_referral(engine, reader.referral_code, alias.id, NOW) is ReferralAnswer.ALIAS
    assert alias.status is SubscriberStatus.CONFIRMED
    assert found(engine, alias).reason == "alias"


def test_a_friend_who_is_here_under_another_spelling_counts_no_second_time(engine, reader):
    make_friend(engine, address="k.im@gmail.com")
    again = make_friend(engine, address="kim@googlemail.com")
    assert record_referral(engine, reader.referral_code, again.id, NOW) is ReferralAnswer.ALIAS


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("kim@mailinator.com", ReferralAnswer.DISPOSABLE),
        ("kim@in.mailinator.com", ReferralAnswer.DISPOSABLE),
        ("kim@throwaway.test", ReferralAnswer.DISPOSABLE),
        ("kim@notthrowaway.test", ReferralAnswer.CONFIRMED),
    ],
)
def test_disposable_domains_do_not_count_nor_do_an_authors_own(engine, reader, address, answer):
    friend = make_friend(engine, address=address)
    rules = make_rules(disposable=frozenset({"throwaway.test"}))
    assert record_referral(engine, reader.referral_code, friend.id, NOW, rules) is answer


def test_more_than_so_many_from_one_network_within_an_hour_wait_for_review(engine, reader):
    friends = [make_friend(engine) for _ in range(5)]
    rules = make_rules(per_network=2)
    with writing(engine) as connection:
        for number, friend in enumerate(friends):
            at = NOW + timedelta(minutes=10 * number if number < 4 else 90)
            credit_referrer(connection, [reader.referral_code], friend.id, at, rules, "hash of a network")
    verify(engine, at=NOW + timedelta(days=1))
    states = [(found(engine, one).state, found(engine, one).reason) for one in friends]
    assert states == [("verified", "")] * 2 + [("review", "burst")] * 2 + [("verified", "")]


def test_a_friend_from_where_the_referrer_was_seen_that_day_waits_for_review(engine, reader):
    here, elsewhere = make_friend(engine), make_friend(engine)
    with writing(engine) as connection:
        note_network(connection, reader.id, "their network", NOW)
        note_network(connection, reader.id, "their network", NOW)
        credit_referrer(connection, [reader.referral_code], here.id, NOW, network="their network")
        credit_referrer(connection, [reader.referral_code], elsewhere.id, NOW, network="another network")
    verify(engine)
    assert (found(engine, here).state, found(engine, here).reason) == ("review", "same network")
    assert found(engine, elsewhere).state == "verified"


def test_of_two_links_the_first_being_ones_own_the_other_counts(engine, reader):
    friend = make_friend(engine)
    with writing(engine) as connection:
        codes = [friend.referral_code, reader.referral_code]
        assert credit_referrer(connection, codes[:1], friend.id, NOW) is ReferralAnswer.SELF
        assert credit_referrer(connection, codes, friend.id, NOW) is ReferralAnswer.CONFIRMED
    assert found(engine, friend).referrer_id == reader.id


def test_an_unknown_code_or_subscriber_is_an_answer(engine, reader):
    assert record_referral(engine, "zzzzzzzz", reader.id, NOW) is ReferralAnswer.UNKNOWN_CODE
    assert record_referral(engine, reader.referral_code, 999_999, NOW) is ReferralAnswer.UNKNOWN_SUBSCRIBER


def test_older_and_imported_codes_are_found_as_they_stand_and_as_they_are_meant(engine, reader):
    old = make_friend(engine, referral_code="q7w2m4kz")
    odd = make_friend(engine, referral_code="BeeHiiv_Oil")
    with reading(engine) as connection:
        for code, whose in (("Q7W2M4KZ", old), ("BeeHiiv_Oil", odd), (f" {reader.referral_code.upper()}", reader)):
            assert by_referral_code(connection, code).id == whose.id


def test_an_erased_reader_refers_nobody(engine, reader):
    friend = make_friend(engine)
    with writing(engine) as connection:
        set_status(connection, reader.id, SubscriberStatus.ERASED, NOW)
    assert record_referral(engine, reader.referral_code, friend.id, NOW) is ReferralAnswer.UNKNOWN_CODE


def test_a_friend_recorded_by_many_at_once_is_recorded_once(engine, reader):
    friend = make_friend(engine)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: record_referral(engine, reader.referral_code, friend.id, NOW), range(4)))
    assert sorted(answers) == ["already_referred"] * 3 + ["confirmed"]
    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(referrals)).scalar_one() == 1


def test_the_database_itself_refuses_oneself_a_second_friend_and_a_second_credit_for_a_person(engine, reader):
    one, other = make_friend(engine), make_friend(engine)
    row = {
        "referrer_id": reader.id,
        "referred_id": one.id,
        "referred_key": "k",
        "state": "verified",
        "recorded_at": NOW,
    }
    with writing(engine) as connection:
        connection.execute(insert(referrals).values(row))
    wrong = (
        {"referred_id": reader.id, "referred_key": "o"},
        {"referred_key": "o"},
        {"referred_id": other.id, "state": "pending"},
        {"referred_id": other.id, "referred_key": "o", "state": "unheard of"},
    )
    for change in wrong:
        with pytest.raises(IntegrityError), writing(engine) as connection:
            connection.execute(insert(referrals).values(row | change))
    with writing(engine) as connection:  # what was rejected may be as often as it likes
        connection.execute(insert(referrals).values(row | {"referred_id": other.id, "state": "rejected"}))


def test_a_friend_who_stays_for_the_days_that_are_asked_counts_and_who_leaves_before_does_not(engine, reader):
    stays, leaves, bounces = (make_friend(engine) for _ in range(3))
    rules = make_rules(days=7)
    with writing(engine) as connection:
        for friend in (stays, leaves, bounces):
            bring(connection, reader, friend)
    verify(engine, rules, NOW + timedelta(days=7, milliseconds=-1))
    assert counted(engine, reader) == 0
    with writing(engine) as connection:
        set_status(connection, leaves.id, SubscriberStatus.UNSUBSCRIBED, NOW)
        make_suppression(connection, bounces.address)
    verify(engine, rules, NOW + timedelta(days=7))
    assert [found(engine, one).state for one in (stays, leaves, bounces)] == ["verified", "rejected", "rejected"]
    assert [found(engine, one).reason for one in (leaves, bounces)] == ["left", "bounced"]
    with writing(engine) as connection:
        set_status(connection, stays.id, SubscriberStatus.UNSUBSCRIBED, NOW)
    verify(engine, rules, NOW + timedelta(days=30))
    assert counted(engine, reader) == 1  # what counted counts


def test_what_is_due_is_found_by_an_index_however_many_wait(sqlite_engine):
    asked = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda _c, _u, sql, values, *_: asked.append((sql, values)))
    with reading(sqlite_engine) as connection:
        due_referrals(connection, NOW, 200)
        sql, values = asked[-1]
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any("ix_referrals_due" in step for step in plan)
    assert not [step for step in plan if step.startswith("SCAN") or "TEMP" in step]


@pytest.mark.parametrize("suppressed", [False, True])
@pytest.mark.parametrize(("days", "state"), [(2, "rejected"), (4, "verified")])
def test_who_stayed_for_long_enough_counts_though_no_clock_ran_then(engine, reader, suppressed, days, state):
    friend, left_at = make_friend(engine), NOW + timedelta(days=days)
    with writing(engine) as connection:
        bring(connection, reader, friend)
    with writing(engine) as connection:
        if suppressed:
            make_suppression(connection, friend.address, "bounced", left_at)
        else:
            set_status(connection, friend.id, SubscriberStatus.UNSUBSCRIBED, left_at)
    verify(engine, make_rules(days=3), NOW + timedelta(days=11))
    assert found(engine, friend).state == state
