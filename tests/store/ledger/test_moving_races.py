"""What meets a merge, a change of address or an erasure at the same moment, on PostgreSQL, where both really run side by side."""

import pytest
from sqlalchemy import text

from tests.support.everything import where_it_stands
from tests.support.followups import ZONE
from tests.support.ledger import EDITIONS, claim, make_mailing, planned_mailing, start
from tests.support.makers import NOW, make_subscriber
from tests.support.staging import Beside, after_statement
from tests.support.waiting import until
from worker.domain.event import Event, EventType
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import SubscriberStatus
from worker.errors import BroadsheetError
from worker.providers.scheduled import Done
from worker.store.engine import reading, snapshot, writing
from worker.store.erased import hash_addresses
from worker.store.ledger.mailings import get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.store.ledger.settle import settle_accepted
from worker.store.subscribers import by_address_key, by_id
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.record_events import record_events
from worker.usecases.unsubscribe import unsubscribe

OLD, NEW = "ana.old@example.com", "ana@example.com"


class Lists:
    def add(self, _addresses):
        return Done()


@pytest.fixture
def here(here):
    hash_addresses(here, "the oldest secret of this installation")
    return here


@pytest.fixture
def there(there):
    hash_addresses(there, "the oldest secret of this installation")
    return there


@pytest.fixture
def old(here):
    with writing(here) as connection:
        return make_subscriber(connection, address=OLD)


@pytest.fixture
def new(here, old):
    with writing(here) as connection:
        return make_subscriber(connection, address=NEW)


def merge(engine, ends=OLD, stays=NEW):
    return merge_subscribers(engine, ends, stays, ZONE, NOW, Lists())


def move(engine):
    return change_address(engine, OLD, NEW, NOW, Lists())


def somebody_waits(engine):
    with reading(engine) as connection:  # anew each time: within a transaction PostgreSQL shows what it showed first
        query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return connection.execute(query).scalar_one() > 0


def beside_statement(engine, statement, act, other):
    """`act()`; behind its `statement`th statement `other()` begins, and goes on until it waits or is done. Both results."""
    found = []

    def begin():
        found.append(Beside(other))
        until(
            lambda: somebody_waits(engine) or not found[0].is_alive(), what="another transaction that waits or is done"
        )

    with after_statement(engine, statement, begin):
        done = act()
    assert found, "it has fewer statements than that"
    return done, found[0].result()


def mailed(engine):
    mailing_id, found = planned_mailing(engine), []
    while batch := claim(engine, mailing_id):
        found += [one.address for one in start(engine, batch).recipients]
    return found


OF_MOVING, OF_MERGING = range(0, 27, 2), range(0, 66, 5)


@pytest.mark.parametrize("statement", OF_MOVING)
def test_who_leaves_while_their_address_changes_has_left(here, there, old, statement):
    beside_statement(here, statement, lambda: move(here), lambda: unsubscribe(there, old.id, NOW))
    assert mailed(here) == []
    assert by_id_status(here, old) is SubscriberStatus.UNSUBSCRIBED


@pytest.mark.parametrize("statement", OF_MERGING)
def test_who_leaves_while_their_records_are_merged_has_left(here, there, old, new, statement):
    beside_statement(here, statement, lambda: merge(here), lambda: unsubscribe(there, old.id, NOW))
    assert mailed(here) == []


@pytest.mark.parametrize("statement", range(7))
def test_who_is_moved_while_they_leave_has_left(here, there, old, statement):
    beside_statement(here, statement, lambda: unsubscribe(here, old.id, NOW), lambda: move(there))
    assert mailed(here) == []


def by_id_status(engine, reader):
    with reading(engine) as connection:
        return by_id(connection, reader.id).status


@pytest.mark.parametrize("statement", OF_MOVING)
def test_who_complains_while_their_address_changes_is_not_mailed_at_the_new_one(here, there, old, statement):
    mailing_id = planned_mailing(here)
    started = start(here, claim(here, mailing_id))
    with writing(here) as connection:
        settle_accepted(connection, started, NOW)
    [delivery] = [one.delivery_id for one in started.recipients]
    told = Event(EventType.COMPLAINED, NOW, OLD, "e1", "sg1", delivery, started.submission_key)
    beside_statement(here, statement, lambda: move(here), lambda: record_events(there, [told], NOW))
    assert mailed(here) == []


@pytest.mark.parametrize("statement", OF_MERGING)
def test_two_who_merge_the_same_records_each_the_other_way_round_lose_nobody(here, there, old, new, statement):
    both = beside_statement(here, statement, refusable(merge, here), refusable(merge, there, NEW, OLD))
    assert [isinstance(one, BroadsheetError) for one in both].count(True) == 1
    [left] = mailed(here)
    with reading(here) as connection:
        assert by_address_key(connection, left).merged_into is None


@pytest.mark.parametrize("statement", OF_MERGING)
def test_an_erasure_that_meets_a_merge_leaves_nothing_of_the_address_and_loses_nobody(here, there, old, new, statement):
    erase = refusable(erase_subscriber, there, OLD, NOW, Lists())
    beside_statement(here, statement, refusable(merge, here), erase)
    assert where_it_stands(here, OLD) == []
    assert mailed(here) == [NEW]


def refusable(act, *given):
    """`act` with what it raises for an operator as its result."""

    def tried():
        try:
            return act(*given)
        except BroadsheetError as refused:
            return refused

    return tried


@pytest.mark.parametrize("forget", ["erase", "merge"])
def test_planning_that_meets_an_erasure_leaves_no_address_behind(here, there, old, new, forget):
    with writing(here) as connection:
        mailing_id = make_mailing(connection)
        begin_planning(connection, mailing_id)
    act = {"erase": lambda: erase_subscriber(there, OLD, NOW, Lists()), "merge": lambda: merge(there)}[forget]
    with snapshot(here) as connection:
        assert freeze_audience(connection, get_mailing(connection, mailing_id), EVERYONE, EDITIONS, NOW).audience == 2
        beside = Beside(act)
        until(lambda: somebody_waits(there) or not beside.is_alive(), what="an erasure that waits or is done")
    beside.result()
    assert where_it_stands(here, OLD) == []
    assert [one.address for one in start(here, claim(here, mailing_id)).recipients] == [NEW]
