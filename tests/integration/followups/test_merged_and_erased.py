"""Merged readers get each step once, erased ones nothing, and whoever comes back is not enrolled again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.integration.followups.test_rules_at_start import planned
from tests.support.followups import ZONE, make_step
from tests.support.makers import make_subscriber
from worker.domain.subscriber import SubscriberStatus
from worker.domain.trigger import Trigger
from worker.providers.scheduled import Done
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.subscribers import set_status
from worker.store.tables import deliveries, triggers
from worker.usecases.enroll_triggers import enroll_triggers
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.merge_subscribers import merge_subscribers

# Of today: what is planned is looked at by the database's own clock, on which a step lasts seven days.
MET = datetime.now(UTC).replace(hour=15, minute=30, second=0, microsecond=0)
DAY = timedelta(days=1)
THIRD = MET + 3 * DAY
STEPS = [
    make_step("welcome", "hello", "at once after confirmed"),
    make_step("welcome", "third", "3 days after confirmed"),
]


class Lists:
    def add(self, _addresses):
        return Done()


@pytest.fixture
def pair(engine, sequences):
    hash_addresses(engine, "the oldest secret of these tests")
    sequences.sequence("welcome", *STEPS)
    with writing(engine) as connection:
        return [make_subscriber(connection, address=f"{name}@example.com") for name in ("ends", "stays")]


def merge(engine, at=MET):
    merge_subscribers(engine, "ends@example.com", "stays@example.com", ZONE, at, Lists())


def owed(engine):
    """(subscriber, why not) of every delivery."""
    with reading(engine) as connection:
        query = select(deliveries.c.subscriber_id, deliveries.c.skipped_reason).order_by(deliveries.c.id)
        return [tuple(row) for row in connection.execute(query)]


def test_an_enrollment_of_one_record_goes_on_for_the_other(engine, sequences, pair):
    ends, stays = pair
    sequences.note(Trigger.CONFIRMED, ends, MET)
    sequences.advance(MET)
    merge(engine, MET + DAY)
    assert sequences.advance_until(THIRD) == [(THIRD, "third", [stays.id])]


def test_a_trigger_that_waits_enrolls_the_record_that_goes_on(engine, sequences, pair):
    ends, stays = pair
    sequences.note(Trigger.CONFIRMED, ends, MET)
    merge(engine)
    assert sequences.advance_until(MET, THIRD) == [(MET, "hello", [stays.id]), (THIRD, "third", [stays.id])]


@pytest.mark.parametrize("first", ["ends", "stays"])
def test_of_two_enrollments_the_earlier_goes_on_and_nothing_is_mailed_twice(engine, sequences, pair, first):
    order = pair if first == "ends" else pair[::-1]
    sequences.note(Trigger.CONFIRMED, order[0], MET)
    sequences.note(Trigger.CONFIRMED, order[1], MET + DAY)
    [early] = sequences.advance(MET)
    [late] = sequences.advance(MET + DAY)
    merge(engine, MET + 2 * DAY)
    for mailing_id in (early, late):
        planned(engine, mailing_id)
    stays = pair[1]
    assert [one for one, why in owed(engine) if why is None] == [stays.id]
    assert sequences.advance_until(THIRD, THIRD + DAY) == [(THIRD, "third", [stays.id])]
    assert sorted((one, status) for one, _which, status, _why in sequences.enrolled()) == [
        (pair[0].id, "stopped"),
        (stays.id, "finished"),
    ]


@pytest.mark.parametrize("first", ["ends", "stays"])
def test_two_planned_copies_of_a_step_become_one(engine, sequences, pair, first):
    order = pair if first == "ends" else pair[::-1]
    for hours, one in enumerate(order):
        sequences.note(Trigger.CONFIRMED, one, MET + timedelta(hours=hours))
        for mailing_id in sequences.advance(MET + timedelta(hours=hours)):
            planned(engine, mailing_id)
    assert [why for _one, why in owed(engine)] == [None, None]
    merge(engine, MET + DAY)
    assert sorted(why or "" for _one, why in owed(engine)) == ["", "merged"]


def test_a_step_the_later_one_was_sent_is_not_sent_to_the_earlier(engine, sequences, pair):
    """Its turn comes later here: the reader had paused, say, and the other record got it."""
    ends, stays = pair
    sequences.note(Trigger.CONFIRMED, stays, MET + 3 * DAY)
    sequences.advance(MET + 3 * DAY)
    sequences.note(Trigger.CONFIRMED, ends, MET + 2 * DAY)
    # Both are enrolled; the earlier one has not had its first step when they are merged.
    enroll_triggers(engine, sequences.content, MET + 3 * DAY)
    merge(engine, MET + 3 * DAY)
    assert sequences.advance_until(MET + 3 * DAY, MET + 5 * DAY, MET + 6 * DAY) == [
        (MET + 5 * DAY, "third", [stays.id])
    ]
    assert ("hello", "skipped", "merged") in sequences.rows(stays)


def test_somebody_erased_gets_nothing_more_and_no_trigger_names_them(engine, sequences, pair):
    _ends, stays = pair
    sequences.note(Trigger.CONFIRMED, stays, MET)
    sequences.advance(MET)
    sequences.note(Trigger.PAID, stays, MET)
    erase_subscriber(engine, "stays@example.com", MET, Lists())
    with reading(engine) as connection:
        assert connection.execute(select(triggers)).all() == []
    assert sequences.advance_until(THIRD) == []
    assert sequences.enrolled() == [(stays.id, "", "stopped", "erased")]
    assert sequences.rows()[1] == ("third", "skipped", "erased")


def test_who_left_and_came_back_is_not_enrolled_again_in_the_same_run(engine, sequences, pair):
    _ends, stays = pair
    sequences.note(Trigger.CONFIRMED, stays, MET)
    sequences.advance(MET)
    with writing(engine) as connection:
        set_status(connection, stays.id, SubscriberStatus.UNSUBSCRIBED, MET + DAY)
    assert sequences.advance_until(THIRD) == []
    with writing(engine) as connection:
        set_status(connection, stays.id, SubscriberStatus.CONFIRMED, MET + 5 * DAY)
    sequences.note(Trigger.CONFIRMED, stays, MET + 5 * DAY)
    assert sequences.advance_until(MET + 5 * DAY, MET + 8 * DAY) == []
    assert sequences.enrolled() == [(stays.id, "", "stopped", "unsubscribed")]
