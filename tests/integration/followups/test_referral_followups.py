"""A first confirmed referral makes one mailing to the referrer, at its hour."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.followups import PUBLICATION, make_step
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.mailing import MailingKind
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import find_mailing, get_mailing
from worker.store.referrals import add_referral, confirm_referral
from worker.store.tables import addressees
from worker.usecases.advance_followups import advance_followups

CONFIRMED = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
DUE = datetime(2026, 11, 21, 9, tzinfo=UTC)  # the next day at 09:00 in Lisbon
STEP = make_step("referral", "first-referral", anchor="trigger", days=1)


def advance(engine, now, step=STEP):
    return advance_followups(engine, {}, {"referral": [step]}, PUBLICATION, now, batch_size=500)


def refer(engine, referrer, at=CONFIRMED):
    with writing(engine) as connection:
        friend = make_subscriber(connection)
        assert add_referral(connection, referrer.id, friend.id, at)
        assert confirm_referral(connection, friend.id, at)


@pytest.fixture
def reader(engine):
    with writing(engine) as connection:
        return make_subscriber(connection, "paid")


def test_the_referrer_gets_one_mailing_the_day_after_their_first_friend_confirmed(engine, reader):
    refer(engine, reader)
    assert advance(engine, DUE - timedelta(milliseconds=1)) == []
    [created] = advance(engine, DUE)
    with reading(engine) as connection:
        mailing = get_mailing(connection, created)
        owed = connection.execute(select(addressees)).one()
    assert (mailing.key, mailing.kind) == (f"reward:first-referral:{reader.id}", MailingKind.REWARD)
    assert (mailing.source, mailing.send_at) == ("step:referral/first-referral", DUE)
    assert (owed.mailing_id, owed.subscriber_id, owed.plan, owed.address) == (created, reader.id, "paid", None)


def test_more_friends_and_more_ticks_bring_no_second_mailing(engine, reader):
    refer(engine, reader)
    assert len(advance(engine, DUE)) == 1
    refer(engine, reader, CONFIRMED + timedelta(days=2))
    for days in (0, 1, 5, 40):
        assert advance(engine, DUE + timedelta(days=days)) == []


def test_a_friend_who_has_not_confirmed_brings_nothing(engine, reader):
    with writing(engine) as connection:
        friend = make_subscriber(connection, status="pending")
        add_referral(connection, reader.id, friend.id, CONFIRMED)
    assert advance(engine, DUE + timedelta(days=5)) == []


def test_every_referrer_gets_their_own_however_many_there_are(engine):
    with writing(engine) as connection:
        referrers = make_subscribers(connection, 600)
        for referrer, friend in zip(referrers, make_subscribers(connection, 600), strict=True):
            add_referral(connection, referrer.id, friend.id, CONFIRMED)
            confirm_referral(connection, friend.id, CONFIRMED)
    assert len(set(advance(engine, DUE))) == 600
    assert advance(engine, DUE) == []
    with reading(engine) as connection:
        assert all(find_mailing(connection, f"reward:first-referral:{one.id}") for one in referrers)


def test_two_hosts_that_advance_at_once_make_one_mailing_each(engine):
    with writing(engine) as connection:
        referrers = make_subscribers(connection, 20)
    for referrer in referrers:
        refer(engine, referrer)
    with ThreadPoolExecutor(4) as pool:
        created = [one for ids in pool.map(lambda _: advance(engine, DUE), range(4)) for one in ids]
    with reading(engine) as connection:
        owed = connection.execute(select(addressees.c.mailing_id, addressees.c.subscriber_id)).all()
    assert sorted(created) == sorted(row.mailing_id for row in owed)
    assert sorted(row.subscriber_id for row in owed) == sorted(one.id for one in referrers)


def test_what_is_long_past_is_not_congratulated_on(engine, reader):
    refer(engine, reader)
    assert advance(engine, DUE + timedelta(days=30, milliseconds=1)) == []
    assert len(advance(engine, DUE + timedelta(days=30))) == 1


def test_an_old_first_friend_is_not_forgotten_when_a_new_one_comes(engine, reader):
    refer(engine, reader, CONFIRMED - timedelta(days=300))
    refer(engine, reader)
    assert advance(engine, DUE) == []


def test_at_once_means_at_once(engine, reader):
    refer(engine, reader)
    step = make_step("referral", "first-referral", anchor="trigger", days=0, at=None)
    assert advance(engine, CONFIRMED - timedelta(milliseconds=1), step) == []
    assert len(advance(engine, CONFIRMED, step)) == 1
