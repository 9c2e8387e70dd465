"""Many sign-ups from one network within an hour wait for a look, however fast each confirms; and networks are soon forgotten."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from tests.support.followups import PUBLICATION
from tests.support.makers import NOW, make_subscriber
from tests.support.referring import ZONE, counted, make_milestone, make_rules, verify
from worker.domain.signup import Signup
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import read_grants
from worker.store.referrals import confirm_referral
from worker.store.referrers import networks_are_left, note_network
from worker.store.signups import keep_signup
from worker.store.subscribers import set_status
from worker.store.tables import reader_networks, referrals, signups
from worker.usecases.content import Content
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.forget_old_networks import forget_old_networks
from worker.usecases.record_referral import credit_referrer
from worker.usecases.tick import tick
from worker.usecases.verify_referrals import verify_referrals


@pytest.fixture
def reader(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection, address="noor@example.com")


def networks(engine):
    with reading(engine) as connection:
        return [
            set(connection.execute(select(column)).scalars())
            for column in (referrals.c.network, reader_networks.c.network, signups.c.network)
        ]


def test_a_burst_is_a_burst_though_each_friend_confirms_at_once(engine, reader):
    rules = make_rules(make_milestone("year", 10, months=12))
    for number in range(20):
        at = NOW + timedelta(minutes=2 * number)
        with writing(engine) as connection:
            friend = make_subscriber(connection, status="pending")
            credit_referrer(connection, [reader.referral_code], friend.id, at, rules, "hash of one network")
        with writing(engine) as connection:
            set_status(connection, friend.id, SubscriberStatus.CONFIRMED, at)
            confirm_referral(connection, friend.id, at)
        verify_referrals(engine, rules, ZONE, at + timedelta(seconds=10))
    with reading(engine) as connection:
        assert read_grants(connection, reader.id) == []
    assert counted(engine, reader) == rules.per_network


def test_a_tick_forgets_networks_after_two_days_whatever_became_of_who_came_from_there(engine, reader):
    with writing(engine) as connection:
        for friend in (
            make_subscriber(connection, address="kim+x@example.org"),  # rejected
            make_subscriber(connection),  # counts
            make_subscriber(connection, status="pending"),  # never confirms
        ):
            credit_referrer(connection, [reader.referral_code], friend.id, NOW, network="a network")
        note_network(connection, reader.id, "a network", NOW)
        keep_signup(connection, Signup("late@example.org", NOW, network="a network"))
    verify(engine)
    content = Content(PUBLICATION, {}, {}, {})
    tick(engine, content, now=NOW + timedelta(days=2), batch_size=500, lanes=1)
    assert networks(engine) == [{"a network"}] * 3
    tick(engine, content, now=NOW + timedelta(days=2, seconds=1), batch_size=500, lanes=1)
    assert networks(engine) == [{None}, set(), {""}]
    assert forget_old_networks(engine, NOW + timedelta(days=3)) == 0


@pytest.mark.parametrize("address", ["kim+x@example.org", "kim@example.org"])
def test_an_erased_friend_leaves_no_network(engine, reader, address):
    with writing(engine) as connection:
        friend = make_subscriber(connection, address=address)
        credit_referrer(connection, [reader.referral_code], friend.id, NOW, network="a network")
        note_network(connection, friend.id, "a network", NOW)
    erase_subscriber(engine, address, NOW, None, without_sendgrid=True)
    assert networks(engine)[:2] == [{None}, set()]


def test_that_nothing_is_to_be_forgotten_is_seen_by_indexes(sqlite_engine):
    asked = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda _c, _u, sql, values, *_: asked.append((sql, values)))
    with reading(sqlite_engine) as connection:
        assert not networks_are_left(connection, NOW)
        sql, values = asked[-1]
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any("ix_referrals_networks_kept" in step for step in plan)
    assert {step for step in plan if step.startswith("SCAN")} <= {
        "SCAN CONSTANT ROW",
        "SCAN signups",
    }  # few, and soon gone
