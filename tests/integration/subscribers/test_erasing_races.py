"""Erasing while SendGrid tells of the same person, on PostgreSQL, where two transactions really do run side by side."""

import pytest

from tests.support.databases import waits_for_a_row
from tests.support.everything import where_it_stands
from tests.support.makers import NOW, make_subscriber
from tests.support.staging import Beside
from tests.support.waiting import until
from worker.domain.event import Event, EventType
from worker.store.engine import writing
from worker.store.erased import hash_addresses
from worker.store.events import add_events
from worker.store.forget import forget
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.record_events import record_events

ADDRESS = "ana.prado@example.com"
SAID = [Event(EventType.BOUNCED, NOW, ADDRESS, "said-1", "sg-1", None, None, reason=f"550 <{ADDRESS}> unknown")]


@pytest.fixture
def here(here):
    hash_addresses(here, "the oldest secret of this installation")
    return here


@pytest.fixture
def there(there):
    hash_addresses(there, "the oldest secret of this installation")
    return there


@pytest.fixture
def ana(here):
    with writing(here) as connection:
        return make_subscriber(connection, address=ADDRESS, name="Ana Prado")


def test_an_event_that_is_being_recorded_is_erased_with_the_rest(here, there, ana):
    with writing(here) as connection:
        add_events(connection, SAID, NOW)
        erasing = Beside(lambda: erase_subscriber(there, ADDRESS, NOW, None, without_sendgrid=True))
        until(lambda: waits_for_a_row(here), what="the erasure to wait for the event")
    assert erasing.result().rows["events"] == 1
    assert where_it_stands(here, "ana", "prado") == []


def test_an_event_that_comes_during_an_erasure_is_kept_by_the_hash(here, there, ana):
    with writing(here) as connection:
        forget(connection, [ana.id], ADDRESS, NOW)
        recording = Beside(lambda: record_events(there, SAID, NOW))
        until(lambda: waits_for_a_row(here), what="the event to wait for the erasure")
    assert recording.result().new == 1
    assert where_it_stands(here, "ana", "prado") == []
