"""Whoever left and comes back is met by sequences as everybody is, also in the minutes until SendGrid's list lets them go."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.followups.conftest import CLOSES, DUE, OPENS
from tests.support.followups import PUBLICATION, make_step
from tests.support.ledger import make_mailing
from tests.support.makers import make_subscriber
from worker.domain.mailing import MailingKind
from worker.domain.quiet import QuietRules
from worker.domain.subscriber import SubscriberStatus
from worker.domain.trigger import Trigger
from worker.render.links import LinkIds
from worker.store.consent import ask_return, finish_return, returning, surviving
from worker.store.engine import writing
from worker.store.subscribers import set_status
from worker.usecases.confirm import Standing, confirm
from worker.usecases.foresee_sequence import simulate
from worker.usecases.undo_leaving import undo_leaving
from worker.usecases.unsubscribe import unsubscribe

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
OPENING, REMINDER = make_step(step_id="opening", when="at opens"), make_step()
HELLO = make_step("welcome", "hello", "at once after confirmed")
THIRD = make_step("welcome", "third", "3 days after confirmed")


@pytest.fixture
def reader(engine):
    with writing(engine) as connection:
        return make_subscriber(connection, address="ada@example.com")


def leave(engine, reader, at):
    with writing(engine) as connection:
        set_status(connection, reader.id, SubscriberStatus.UNSUBSCRIBED, at)


def come_back(engine, reader, at):
    with writing(engine) as connection:
        assert ask_return(connection, surviving(connection, reader.id), at, "undone", "", "form")


def press(engine, reader, at):
    """The button of a confirmation that was asked for since they left."""
    with writing(engine) as connection:
        mailing_id = make_mailing(connection, kind=MailingKind.CONFIRMATION, send_at=at)
    return confirm(engine, LinkIds(subscriber_id=reader.id, mailing_id=mailing_id), at)[0]


def let_go(engine):
    """SendGrid answers that its list has let everybody go who came back."""
    with writing(engine) as connection:
        for one in returning(connection, "", 10):
            finish_return(connection, one)


def test_who_came_back_a_moment_before_a_launch_opens_is_told_of_it(engine, sequences, reader):
    leave(engine, reader, OPENS - DAY)
    come_back(engine, reader, OPENS - MINUTE)
    sequences.launch(OPENING, REMINDER)
    assert sequences.advance_until(OPENS, OPENS + 6 * MINUTE) == []
    assert sequences.rows() == [("opening", "due", "returning")]
    let_go(engine)
    later = OPENS + 12 * MINUTE
    assert sequences.advance_until(later, DUE) == [(later, "opening", [reader.id]), (DUE, "reminder", [reader.id])]


def test_a_sequence_that_has_begun_goes_on_for_who_left_and_came_back_between_two_steps(engine, sequences, reader):
    sequences.sequence("welcome", HELLO, THIRD)
    sequences.note(Trigger.CONFIRMED, reader, OPENS)
    sequences.advance(OPENS)
    third = OPENS + 3 * DAY
    leave(engine, reader, third - DAY)
    come_back(engine, reader, third - MINUTE)
    assert sequences.advance(third) == []
    let_go(engine)
    assert sequences.advance_until(third + 5 * MINUTE) == [(third + 5 * MINUTE, "third", [reader.id])]


def test_a_step_that_was_put_off_goes_to_who_left_and_came_back_before_its_new_hour(engine, sequences, reader):
    night, morning = put_off_for_the_night(sequences, reader)
    leave(engine, reader, night + 60 * MINUTE)
    come_back(engine, reader, morning - 60 * MINUTE)
    let_go(engine)
    assert sequences.advance_until(morning) == [(morning, "hello", [reader.id])]


def test_who_is_away_at_the_hour_a_step_was_put_off_to_has_left_the_sequence_for_good(engine, sequences, reader):
    night, morning = put_off_for_the_night(sequences, reader)
    leave(engine, reader, night + 60 * MINUTE)
    assert sequences.advance(morning) == []
    come_back(engine, reader, morning + MINUTE)
    let_go(engine)
    assert sequences.advance_until(morning + DAY, morning + 4 * DAY) == []
    assert sequences.enrolled() == [(reader.id, "", "stopped", "unsubscribed")]


def put_off_for_the_night(sequences, reader):
    """They are met in the night by a sequence of two steps; that hour, and the one at which the first may go."""
    sequences.publication = replace(PUBLICATION, quiet=QuietRules())
    sequences.sequence("welcome", HELLO, THIRD)
    night, morning = OPENS + 13 * 60 * MINUTE, OPENS + 23 * 60 * MINUTE
    sequences.note(Trigger.CONFIRMED, reader, night)
    assert sequences.advance(night) == []
    assert sequences.rows() == [("hello", "due", "night")]
    return night, morning


def test_who_leaves_again_meanwhile_has_left_the_sequence(engine, sequences, reader):
    leave(engine, reader, OPENS - DAY)
    come_back(engine, reader, OPENS - MINUTE)
    sequences.launch(OPENING, REMINDER)
    sequences.advance(OPENS)
    unsubscribe(engine, reader.id, OPENS + MINUTE)
    let_go(engine)
    assert sequences.advance_until(OPENS + 5 * MINUTE, DUE) == []
    assert sequences.enrolled() == [(reader.id, "", "stopped", "unsubscribed")]


def test_a_step_whose_time_is_over_before_the_list_lets_them_go_is_skipped_and_the_next_may_go(
    engine, sequences, reader
):
    leave(engine, reader, OPENS - DAY)
    come_back(engine, reader, OPENS - MINUTE)
    sequences.launch(
        make_step(),
        make_step(step_id="after", when="2 days after closes"),
    )
    sequences.advance_until(OPENS, DUE, DUE + 180 * MINUTE)
    assert sequences.rows()[0] == ("reminder", "skipped", "returning")
    let_go(engine)
    after = CLOSES + 2 * DAY
    assert sequences.advance_until(after) == [(after, "after", [reader.id])]


def test_who_confirms_anew_after_having_left_is_met_by_what_counts_from_confirmed(engine, sequences, reader):
    sequences.sequence("welcome", HELLO)
    leave(engine, reader, OPENS - DAY)
    assert press(engine, reader, OPENS) is Standing.OPEN
    assert sequences.advance(OPENS) == []
    let_go(engine)
    assert sequences.advance_until(OPENS + 5 * MINUTE) == [(OPENS + 5 * MINUTE, "hello", [reader.id])]


def test_who_was_met_once_is_not_met_again_by_confirming_anew(engine, sequences, reader):
    sequences.sequence("welcome", HELLO)
    sequences.note(Trigger.CONFIRMED, reader, OPENS - 9 * DAY)
    sequences.advance(OPENS - 9 * DAY)
    leave(engine, reader, OPENS - DAY)
    assert press(engine, reader, OPENS) is Standing.OPEN
    let_go(engine)
    assert sequences.advance_until(OPENS, OPENS + DAY) == []
    assert len(sequences.enrolled()) == 1


def test_taking_back_ones_leaving_is_no_confirmation(engine, sequences, reader):
    sequences.sequence("welcome", HELLO)
    unsubscribe(engine, reader.id, OPENS - MINUTE)
    done, _due = undo_leaving(engine, reader.id, OPENS - MINUTE, OPENS)
    assert done
    let_go(engine)
    assert sequences.advance_until(OPENS, OPENS + DAY) == []


def test_simulate_counts_who_is_just_coming_back(engine, sequences, reader):
    leave(engine, reader, OPENS - DAY)
    come_back(engine, reader, OPENS - MINUTE)
    sequences.launch(OPENING, REMINDER)
    sequences.advance(OPENS)
    found = simulate(engine, sequences.content, "launch", CLOSES, OPENS + MINUTE)
    assert [(one.seen.step_id, one.readers) for one in found if one.seen.sent] == [("opening", 1), ("reminder", 1)]
