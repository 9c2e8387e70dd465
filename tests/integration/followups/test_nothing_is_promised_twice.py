"""Who has earned something by another record of theirs is not promised it again: on no page, in no mail."""

import pytest
from sqlalchemy import select

from tests.support.importing import load
from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import ZONE, bring, make_milestone, make_rules, verify
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.milestones import rewards_of, waiting_rewards
from worker.store.subscribers import by_address_key
from worker.store.tables import triggers
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.look_at_friends import look_at_friends
from worker.usecases.look_at_text import find_reader
from worker.usecases.merge_subscribers import merge_subscribers

RULES = make_rules(make_milestone("month", 2), make_milestone("year", 5, months=12))


@pytest.fixture
def noor(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection, address="noor@gmail.com")


def friends(engine, whose, count, rules=RULES):
    with writing(engine) as connection:
        for friend in make_subscribers(connection, count):
            bring(connection, whose, friend)
    verify(engine, rules)


def ahead(engine, reader):
    return look_at_friends(engine, reader.id, RULES).ahead.id


def in_mail(engine, reader):
    """The milestones that merge tags in their mail leave out: those noted for their own record."""
    return find_reader(engine, reader.address)[1].milestones


def almost(engine, reader):
    with reading(engine) as connection:
        query = select(triggers.c.occurrence).where(triggers.c.subscriber_id == reader.id, triggers.c.event == "almost")
        return connection.execute(query).scalars().all()


def here(engine, address):
    with reading(engine) as connection:
        return by_address_key(connection, address)


def erase(engine, address):
    erase_subscriber(engine, address, NOW, None, without_sendgrid=True)


@pytest.mark.parametrize(
    ("by", "address"),
    [
        ("themselves", "noor@gmail.com"),
        ("themselves", "No.Or+letters@gmail.com"),
        ("an import", "No.Or+letters@gmail.com"),  # which brings nobody back by the very address that was erased
    ],
)
def test_who_comes_back_after_they_were_erased_is_promised_what_is_left(engine, noor, by, address):
    friends(engine, noor, 2)
    erase(engine, "noor@gmail.com")
    if by == "an import":
        load(engine, "email,status", f"{address},pending", "kim@example.org,confirmed")
        again = here(engine, address.casefold())
    else:
        with writing(engine) as connection:
            again = make_subscriber(connection, address=address, status="pending")
    assert (ahead(engine, again), in_mail(engine, again)) == ("year", "month")
    friends(engine, again, 1)
    assert almost(engine, again) == []
    friends(engine, again, 1)
    assert look_at_friends(engine, again.id, RULES).rewards == ()
    with reading(engine) as connection:
        assert [(one.milestone_id, one.state) for one in rewards_of(connection, [again.id])] == [("month", "void")]


def test_of_two_records_that_are_here_the_other_is_promised_what_is_left(engine, noor):
    with writing(engine) as connection:
        double = make_subscriber(connection, address="no.or@gmail.com")
    assert ahead(engine, double) == "month"
    friends(engine, noor, 2)
    assert (ahead(engine, double), in_mail(engine, double)) == ("year", "month")


def test_who_gets_an_address_that_earned_something_before_is_promised_what_is_left(engine, noor):
    friends(engine, noor, 2)
    erase(engine, "noor@gmail.com")
    with writing(engine) as connection:
        other = make_subscriber(connection, address="haddad@example.org")
    change_address(engine, "haddad@example.org", "no.or@gmail.com", NOW, None, without_sendgrid=True)
    assert (ahead(engine, other), in_mail(engine, here(engine, "no.or@gmail.com"))) == ("year", "month")


def test_who_has_nothing_to_do_with_them_is_promised_everything(engine, noor):
    friends(engine, noor, 2)
    with writing(engine) as connection:
        kim = make_subscriber(connection, address="kim@example.org")
    assert (ahead(engine, kim), in_mail(engine, kim)) == ("month", "")


def test_what_waits_goes_along_to_the_record_that_had_it_void(engine, noor):
    rules = make_rules(make_milestone("month", 1, manual=True))
    with writing(engine) as connection:
        double = make_subscriber(connection, address="no.or@gmail.com")
    friends(engine, noor, 1, rules)
    merge_subscribers(engine, "noor@gmail.com", "no.or@gmail.com", ZONE, NOW, None, without_sendgrid=True)
    with reading(engine) as connection:
        assert [(one.subscriber_id, one.milestone_id) for one in waiting_rewards(connection)] == [(double.id, "month")]
    assert [one.state for one in look_at_friends(engine, double.id, rules).rewards] == ["waiting"]
