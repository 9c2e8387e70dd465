"""A merge at the very moment a worker starts a batch of one of the two, on PostgreSQL, where both really run side by side."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.support.followups import ZONE
from tests.support.ledger import LEASE, check_invariants, claim, counts, planned_mailing, start
from tests.support.makers import NOW, make_subscriber
from tests.support.staging import Beside, after_statement
from tests.support.waiting import until
from worker.providers.scheduled import Done
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.ledger.mailings import get_mailing
from worker.store.ledger.start import start_batch
from worker.usecases.merge_subscribers import merge_subscribers

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
def mailing_id(here):
    """Each of the two in a batch of their own, the record that ends in the first."""
    with writing(here) as connection:
        make_subscriber(connection, address=OLD)
        make_subscriber(connection, address=NEW)
    return planned_mailing(here, batch_size=1)


def merge(engine):
    return merge_subscribers(engine, OLD, NEW, ZONE, NOW, Lists())


def somebody_waits(engine):
    with reading(engine) as connection:  # anew each time: within a transaction PostgreSQL shows what it showed first
        query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return connection.execute(query).scalar_one() > 0


def mailed(started):
    return [one.address for found in started if found for one in found.recipients]


def rest(engine, mailing_id):
    found = []
    while batch := claim(engine, mailing_id):
        found.append(start(engine, batch))
    return found


def test_a_merge_that_meets_a_start_waits_for_it_and_skips_the_other_delivery(here, there, mailing_id):
    batch = claim(here, mailing_id)
    with writing(here) as connection:
        started = start_batch(connection, batch, get_mailing(connection, mailing_id), LEASE, datetime.now(UTC))
        beside = Beside(lambda: merge(there))
        until(lambda: somebody_waits(there), what="a merge that waits for the start")
    assert beside.result().skipped == 1
    assert mailed([started, *rest(here, mailing_id)]) == [OLD]
    assert counts(here, mailing_id).skipped == {"merged": 1}
    check_invariants(here)


@pytest.mark.parametrize("statement", range(1, 60, 4))
def test_a_start_that_meets_a_merge_mails_the_person_once_wherever_it_falls(here, there, mailing_id, statement):
    batch = claim(here, mailing_id)
    found = []

    def start_there():
        found.append(Beside(lambda: start(there, batch)))
        until(lambda: somebody_waits(here) or not found[0].is_alive(), what="a start that waits or is done")

    with after_statement(here, statement, start_there):
        merge(here)
    assert found, "a merge has fewer statements than that"
    sent = mailed([found[0].result(), *rest(here, mailing_id)])
    assert len(sent) == 1
    check_invariants(here)
