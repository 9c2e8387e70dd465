"""Somebody who had two addresses, was erased, and comes back under both: one person still, by what was known of them."""

import pytest

from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import bring, make_milestone, make_rules, verify
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import read_grants
from worker.store.subscribers import set_status
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber

RULES = make_rules(make_milestone("month", 2))


@pytest.fixture(params=["before anybody earned", "after somebody did"])
def both(engine, request):
    """Their two records: each knows only the erased one between them."""
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        make_subscriber(connection, address="noor@example.com")
        other = make_subscriber(connection)
    if request.param == "after somebody did":
        bring_two(engine, other)
    change_address(engine, "noor@example.com", "noor@example.org", NOW, None, without_sendgrid=True)
    erase_subscriber(engine, "noor@example.org", NOW, None, without_sendgrid=True)
    return [come_back(engine, address) for address in ("noor@example.com", "noor@example.org")]


def come_back(engine, address):
    with writing(engine) as connection:
        found = make_subscriber(connection, address=address, status="pending")
        set_status(connection, found.id, SubscriberStatus.CONFIRMED, NOW)
    return found


def bring_two(engine, reader):
    with writing(engine) as connection:
        for friend in make_subscribers(connection, 2):
            bring(connection, reader, friend)
    verify(engine, RULES)


@pytest.mark.parametrize("first", [0, 1])
def test_they_earn_a_reward_once(engine, both, first):
    for reader in (both[first], both[1 - first]):
        bring_two(engine, reader)
    with reading(engine) as connection:
        assert [len(read_grants(connection, reader.id)) for reader in (both[first], both[1 - first])] == [1, 0]
