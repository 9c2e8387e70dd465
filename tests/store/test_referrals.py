"""Referrals: a friend counts once, when confirmed, and nobody refers themselves."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.support.makers import NOW, make_subscriber
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import reading, writing
from worker.store.referrals import (
    confirm_referral,
    count_confirmed_referrals,
    referral_of,
)
from worker.store.subscribers import set_status
from worker.store.tables import referrals
from worker.usecases.record_referral import ReferralAnswer, record_referral


@pytest.fixture
def reader(engine):
    with writing(engine) as connection:
        return make_subscriber(connection, "paid", address="ada.moreno@gmail.com")


def make_friend(engine, **given):
    with writing(engine) as connection:
        return make_subscriber(connection, **given)


def confirmed(engine, reader):
    with reading(engine) as connection:
        return count_confirmed_referrals(connection, reader.id)


def test_a_confirmed_friend_counts_at_once(engine, reader):
    friend = make_friend(engine)
    assert record_referral(engine, reader.referral_code, friend.id, NOW) is ReferralAnswer.CONFIRMED
    with reading(engine) as connection:
        found = referral_of(connection, friend.id)
    assert (found.referrer_id, found.recorded_at, found.confirmed_at) == (reader.id, NOW, NOW)
    assert confirmed(engine, reader) == 1


def test_a_pending_friend_counts_once_they_confirm_and_only_then(engine, reader):
    friend = make_friend(engine, status="pending")
    assert record_referral(engine, reader.referral_code.upper(), friend.id, NOW) is ReferralAnswer.PENDING
    with writing(engine) as connection:
        assert not confirm_referral(connection, friend.id, NOW)
    assert confirmed(engine, reader) == 0
    with writing(engine) as connection:
        set_status(connection, friend.id, SubscriberStatus.CONFIRMED, NOW)
        assert confirm_referral(connection, friend.id, NOW)
        assert not confirm_referral(connection, friend.id, NOW + timedelta(days=1))
        assert referral_of(connection, friend.id).confirmed_at == NOW
    assert confirmed(engine, reader) == 1


def test_the_first_code_keeps_the_credit(engine, reader):
    friend, second = make_friend(engine), make_friend(engine)
    record_referral(engine, reader.referral_code, friend.id, NOW)
    for code in (reader.referral_code, second.referral_code):
        assert record_referral(engine, code, friend.id, NOW) is ReferralAnswer.ALREADY_REFERRED
    assert (confirmed(engine, reader), confirmed(engine, second)) == (1, 0)


@pytest.mark.parametrize("spelling", ["ADA.MORENO+again@gmail.com", "adamoreno@googlemail.com"])
def test_another_spelling_of_ones_own_address_is_no_friend(engine, reader, spelling):
    other = make_friend(engine, address=spelling)
    assert record_referral(engine, reader.referral_code, other.id, NOW) is ReferralAnswer.SELF
    assert record_referral(engine, reader.referral_code, reader.id, NOW) is ReferralAnswer.SELF
    assert confirmed(engine, reader) == 0


def test_a_friend_who_is_here_under_another_spelling_counts_no_second_time(engine, reader):
    make_friend(engine, address="kim@example.org")
    alias = make_friend(engine, address="kim+letters@example.org")
    assert record_referral(engine, reader.referral_code, alias.id, NOW) is ReferralAnswer.ALIAS
    assert confirmed(engine, reader) == 0


def test_an_unknown_code_or_subscriber_is_an_answer(engine, reader):
    assert record_referral(engine, "zzzzzzzz", reader.id, NOW) is ReferralAnswer.UNKNOWN_CODE
    assert record_referral(engine, reader.referral_code, 999_999, NOW) is ReferralAnswer.UNKNOWN_SUBSCRIBER


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
