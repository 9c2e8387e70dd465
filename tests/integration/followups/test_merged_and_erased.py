"""Merged readers get each step once, erased ones nothing, and whoever comes back is not enrolled again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.integration.followups.conftest import OPENS
from tests.integration.followups.test_edited_sequences import agree_to_all
from tests.integration.followups.test_rules_at_start import planned, started_with
from tests.support.followups import ZONE, make_step
from tests.support.makers import make_subscriber, make_suppression
from worker.domain.segment import HasTag
from worker.domain.step_rules import StepRules
from worker.domain.subscriber import SubscriberStatus
from worker.domain.trigger import Trigger
from worker.providers.scheduled import Done
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.ledger.mailings import cancel_mailing
from worker.store.subscribers import add_tags, set_status
from worker.store.tables import batches, deliveries, triggers
from worker.usecases.enroll_triggers import enroll_triggers
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.merge_subscribers import merge_subscribers

# Of today: what is planned is looked at by the database's own clock, on which a step lasts seven days.
MET = datetime.now(UTC).replace(hour=15, minute=30, second=0, microsecond=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
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


def merge(engine, at=MET, ends="ends", stays="stays"):
    merge_subscribers(engine, f"{ends}@example.com", f"{stays}@example.com", ZONE, at, Lists())


def owed(engine):
    """(subscriber, why not) of every delivery."""
    with reading(engine) as connection:
        query = select(deliveries.c.subscriber_id, deliveries.c.skipped_reason).order_by(deliveries.c.id)
        return [tuple(row) for row in connection.execute(query)]


def two_copies(engine, sequences, order):
    """The first step of two records, decided an hour apart: the two mailings, neither planned."""
    sequences.note(Trigger.CONFIRMED, order[0], MET)
    [early] = sequences.advance(MET)
    sequences.note(Trigger.CONFIRMED, order[1], MET + HOUR)
    [late] = sequences.advance(MET + HOUR)
    return {"earlier": early, "later": late}


def going(engine):
    """The mailings that go, or went, to somebody."""
    with reading(engine) as connection:
        query = (
            select(deliveries.c.mailing_id, deliveries.c.subscriber_id)
            .join(batches, batches.c.id == deliveries.c.batch_id)
            .where(deliveries.c.skipped_reason.is_(None), batches.c.status.not_in(("cancelled", "empty")))
        )
        return sorted(tuple(row) for row in connection.execute(query.order_by(deliveries.c.id)))


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


@pytest.mark.parametrize("first", ["ends", "stays"])
@pytest.mark.parametrize("sent", ["earlier", "later"])
def test_a_copy_that_has_gone_counts_for_one_that_is_not_planned_yet(engine, sequences, pair, first, sent):
    copies = two_copies(engine, sequences, pair if first == "ends" else pair[::-1])
    gone = copies.pop(sent)
    assert len(started_with(engine, planned(engine, gone))) == 1
    merge(engine, MET + 2 * HOUR)
    for waits in copies.values():
        planned(engine, waits)
    assert going(engine) == [(gone, pair[1].id)]
    assert sequences.advance_until(THIRD) == [(THIRD, "third", [pair[1].id])]


def test_of_two_copies_in_their_calls_the_one_that_does_not_count_is_not_called_for_again(engine, sequences, pair):
    copies = two_copies(engine, sequences, pair)
    for mailing_id in copies.values():
        assert len(started_with(engine, planned(engine, mailing_id))) == 1
    merge(engine, MET + 2 * HOUR)
    with writing(engine) as connection:  # as the sweep does once it is certain that the call was not taken
        again = update(batches).where(batches.c.mailing_id == copies["later"])
        connection.execute(again.values(status="pending", claim_token=None, lease_until=None))
    assert started_with(engine, copies["later"]) == []
    assert going(engine) == [(copies["earlier"], pair[1].id)]


@pytest.mark.parametrize("first", ["ends", "stays"])
@pytest.mark.parametrize("cancelled", ["earlier", "later"])
@pytest.mark.parametrize("begun", [(), ("cancelled",), ("left",)])
def test_a_copy_that_was_cancelled_does_not_silence_the_one_that_is_left(
    engine, sequences, pair, first, cancelled, begun
):
    copies = two_copies(engine, sequences, pair if first == "ends" else pair[::-1])
    gone = copies.pop(cancelled)
    [left] = copies.values()
    for mailing_id in [*([gone] if "cancelled" in begun else []), *([left] if "left" in begun else [])]:
        planned(engine, mailing_id)
    with writing(engine) as connection:
        assert cancel_mailing(connection, gone, MET + HOUR)
    merge(engine, MET + 2 * HOUR)
    planned(engine, left)
    assert going(engine) == [(left, pair[1].id)]


def test_a_step_that_waits_goes_where_the_other_copy_was_not_mailed(engine, sequences, pair):
    """The later record was not mailed, for its address is suppressed; the earlier has its turn still to come."""
    ends, stays = pair
    sequences.note(Trigger.CONFIRMED, ends, MET + DAY)
    [nowhere] = sequences.advance(MET + DAY)
    with writing(engine) as connection:
        make_suppression(connection, "ends@example.com", "bounced")
    planned(engine, nowhere)
    sequences.note(Trigger.CONFIRMED, stays, MET)
    enroll_triggers(engine, sequences.content, MET + DAY)
    merge(engine, MET + DAY)
    assert sequences.advance_until(MET + DAY) == [(MET + DAY, "hello", [stays.id])]


@pytest.mark.parametrize("waits", ["planned", "unplanned", "due"])
def test_a_third_record_of_one_person_gets_nothing_twice(engine, sequences, pair, waits):
    ends, stays = pair
    with writing(engine) as connection:
        third = make_subscriber(connection, address="third@example.com")
    copies = two_copies(engine, sequences, (stays, ends))
    planned(engine, copies["earlier"])
    assert len(started_with(engine, planned(engine, copies["later"]))) == 1
    merge(engine, MET + 2 * HOUR)
    sequences.note(Trigger.CONFIRMED, third, MET - HOUR)
    if waits == "due":
        enroll_triggers(engine, sequences.content, MET + 2 * HOUR)
    else:
        [copy] = sequences.advance(MET + 2 * HOUR)
        if waits == "planned":
            planned(engine, copy)
    merge(engine, MET + 3 * HOUR, "stays", "third")
    for mailing_id in sequences.advance(MET + 3 * HOUR):
        planned(engine, mailing_id)
    if waits == "unplanned":
        planned(engine, copy)
    assert going(engine) == [(copies["later"], third.id)]


def test_an_enrollment_that_stopped_for_a_dead_address_does_not_end_the_one_at_a_good_address(engine, sequences, pair):
    ends, stays = pair
    sequences.note(Trigger.CONFIRMED, ends, MET - 3 * DAY)
    sequences.advance(MET - 3 * DAY)
    with writing(engine) as connection:
        make_suppression(connection, "ends@example.com", "bounced")
    sequences.advance(MET)
    assert sequences.enrolled() == [(ends.id, "", "stopped", "bounced")]
    sequences.note(Trigger.CONFIRMED, stays, MET)
    sequences.advance(MET)
    merge(engine, MET + DAY)
    assert sequences.advance_until(THIRD) == [(THIRD, "third", [stays.id])]


def test_an_enrollment_that_its_reader_left_ends_the_other(engine, sequences, pair):
    ends, stays = pair
    tagged = StepRules(stop_if=HasTag("not-now"))
    sequences.sequence("welcome", STEPS[0], make_step("welcome", "third", "3 days after confirmed", rules=tagged))
    sequences.note(Trigger.CONFIRMED, ends, MET - 3 * DAY)
    with writing(engine) as connection:
        add_tags(connection, [(ends.id, "not-now")])
    sequences.advance_until(MET - 3 * DAY, MET)
    sequences.note(Trigger.CONFIRMED, stays, MET)
    sequences.advance(MET)
    merge(engine, MET + DAY)
    assert sequences.advance_until(THIRD) == []


def test_a_step_the_later_one_was_sent_is_not_sent_to_the_earlier(engine, sequences, pair):
    """Its turn comes later here: the reader had paused, say, and the other record got it."""
    ends, stays = pair
    sequences.note(Trigger.CONFIRMED, stays, MET + 3 * DAY)
    [sent] = sequences.advance(MET + 3 * DAY)
    sequences.note(Trigger.CONFIRMED, ends, MET + 2 * DAY)
    # Both are enrolled; the earlier one has not had its first step when they are merged.
    enroll_triggers(engine, sequences.content, MET + 3 * DAY)
    merge(engine, MET + 3 * DAY)
    planned(engine, sent)
    assert going(engine) == [(sent, stays.id)]
    assert sequences.advance_until(MET + 3 * DAY, MET + 5 * DAY, MET + 6 * DAY) == [
        (MET + 5 * DAY, "third", [stays.id])
    ]
    assert ("hello", "skipped", "merged") in sequences.rows(stays)


def test_a_step_the_other_record_had_is_not_sent_again_when_an_edit_is_agreed_to(engine, sequences):
    hash_addresses(engine, "the oldest secret of these tests")
    with writing(engine) as connection:
        make_subscriber(connection, address="ends@example.com", zone="Asia/Tokyo")
        stays = make_subscriber(connection, address="stays@example.com", zone="America/Denver")
    last = make_step(step_id="last", when="1 day before closes, at 18:00")
    sequences.launch(make_step(when="3 days before closes, at 09:00 their time"), last)
    sequences.advance(OPENS)
    denver = datetime(2026, 12, 15, 16, tzinfo=UTC)  # 09:00 there; in Tokyo eight hours later
    assert sequences.advance_until(denver) == [(denver, "reminder", [stays.id])]
    sequences.launch(make_step(when="2 days before closes, at 09:00 their time"), last)
    sequences.advance(denver + HOUR)
    merge(engine, denver + 2 * HOUR)
    sequences.advance(denver + 3 * HOUR)  # its mark waits with the step for somebody to agree
    agree_to_all(sequences)
    found = sequences.advance_until(*(denver + n * HOUR for n in range(4, 72)))
    assert [(step, who) for _at, step, who in found] == [("last", [stays.id])]
    assert sequences.rows(stays)[0] == ("reminder", "skipped", "merged")


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
