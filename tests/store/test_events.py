"""Events on both databases: each kept once, whatever odd text it carries."""

import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from worker.domain.event import Event, EventType
from worker.store.engine import reading, writing
from worker.store.events import CHUNK, add_events
from worker.store.tables import events

T = datetime(2026, 11, 16, 7, 0, tzinfo=UTC)


def event(key, **changes):
    fields = {
        "type": EventType.DELIVERED,
        "at": T,
        "address": "ann@example.com",
        "dedupe_key": key,
        "sg_event_id": f"sg-{key}",
        "delivery_id": 7,
        "submission_key": "s1",
    }
    return Event(**(fields | changes))


def kept(engine):
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(events)).scalar_one()


def test_new_events_come_back_once_and_in_the_order_given(engine):
    with writing(engine) as connection:
        add_events(connection, [event("b")], T)
    with writing(engine) as connection:
        new = add_events(connection, [event("c"), event("b"), event("a"), event("c", sg_event_id="other")], T)
    assert [(one.dedupe_key, one.sg_event_id) for one in new] == [("c", "sg-c"), ("a", "sg-a")]
    assert kept(engine) == 3


def test_more_events_than_one_statement_takes(engine):
    found = [event(f"k{number}") for number in range(2 * CHUNK + 3)]
    with writing(engine) as connection:
        assert add_events(connection, found, T) == found
        assert add_events(connection, found, T + timedelta(hours=1)) == []
    assert kept(engine) == len(found)


def test_a_nul_a_half_surrogate_and_an_endless_id_do_not_keep_an_event_out(engine):
    odd = event("odd", reason="550 \x00 \ud83d", url="https://example.com/\x00", delivery_id=2**70, address="\x00")
    with writing(engine) as connection:
        (new,) = add_events(connection, [odd], T)
    assert (new.reason, new.delivery_id) == ("550  ?", None)
    with reading(engine) as connection:
        row = connection.execute(select(events)).one()
    assert (row.reason, row.url, row.address_key, row.delivery_id) == ("550  ?", "https://example.com/", None, None)


def test_two_calls_at_once_with_the_same_events_in_opposite_order_keep_each_once(engine):
    found = [event(f"k{number:03}") for number in range(300)]
    new, gate = [], threading.Barrier(2)

    def call(these):
        gate.wait()
        with writing(engine) as connection:
            new.extend(add_events(connection, these, T))

    calls = [threading.Thread(target=call, args=[these]) for these in (found, found[::-1])]
    for thread in calls:
        thread.start()
    for thread in calls:
        thread.join()
    assert sorted(one.dedupe_key for one in new) == [one.dedupe_key for one in found]
    assert kept(engine) == 300
