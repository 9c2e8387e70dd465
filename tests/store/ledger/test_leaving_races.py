"""Leaving at the very moment an operator changes the record, on PostgreSQL, where both really run side by side."""

import pytest

from tests.support.makers import NOW, make_subscriber
from tests.support.staging import after_statement
from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import SuppressionReason
from worker.providers.scheduled import Done
from worker.store.engine import open_engine, reading, writing
from worker.store.erased import hash_addresses
from worker.store.subscribers import by_address_key
from worker.store.suppressions import reason_for
from worker.usecases.change_address import change_address
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.unsubscribe import unsubscribe

OLD, NEW = "ana.old@example.com", "ana@example.com"


class Lists:
    def add(self, _addresses):
        return Done()


@pytest.fixture
def hosts(postgresql_url):
    """Two hosts' connections to one database."""
    engines = [open_engine(postgresql_url) for _ in range(2)]
    for engine in engines:
        hash_addresses(engine, "the oldest secret of this installation")
    yield engines
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize("statement", range(5))
@pytest.mark.parametrize("change", ["of address", "by merging"])
def test_who_leaves_while_their_record_changes_has_left_under_the_address_they_have_then(hosts, change, statement):
    here, there = hosts
    with writing(here) as connection:
        reader = make_subscriber(connection, address=OLD)
        if change == "by merging":
            make_subscriber(connection, address=NEW)

    def act():
        if change == "by merging":
            merge_subscribers(there, OLD, NEW, "UTC", NOW, Lists())
        else:
            change_address(there, OLD, NEW, NOW, Lists())

    with after_statement(here, statement, act):
        assert unsubscribe(here, reader.id, NOW)
    with reading(here) as connection:
        assert by_address_key(connection, NEW).status is SubscriberStatus.UNSUBSCRIBED
        assert reason_for(connection, NEW) is SuppressionReason.UNSUBSCRIBED
