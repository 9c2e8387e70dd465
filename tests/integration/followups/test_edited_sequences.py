"""Editing a sequence while it runs: nothing goes at an hour nobody agreed to, and nothing of it is lost."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.followups.conftest import CLOSES, DUE, OPENS
from tests.support.followups import make_launch, make_step, wall
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.segment import HasTag
from worker.domain.sequence import anchors_of, timings_of
from worker.domain.step_rules import StepRules
from worker.domain.trigger import Trigger
from worker.store.engine import writing
from worker.store.followups.runs import agree
from worker.usecases import rederive_run

DAY = timedelta(days=1)
MET = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


@pytest.fixture
def reader(engine):
    with writing(engine) as connection:
        return make_subscriber(connection)


def agree_to_all(sequences):
    """As `sequences apply` does, once a person has seen it."""
    with writing(sequences.engine) as connection:
        for run in sequences.runs():
            anchors = sequences.content.anchors_now(run)
            assert agree(connection, run, anchors, timings_of(sequences.steps[run.sequence]))


def test_a_step_with_another_hour_waits_until_that_is_agreed_to(sequences, reader):
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step(when="2 days before closes, at 09:00"))
    assert sequences.advance_until(DUE, DUE + DAY) == []
    [run] = sequences.runs()
    assert run.needs_attention == (
        "launch was edited while it runs: reminder would go at another hour. `broadsheet sequences apply launch` shows it"
    )
    agree_to_all(sequences)
    assert sequences.advance_until(DUE + DAY) == [(DUE + DAY, "reminder", [reader.id])]
    assert sequences.runs()[0].needs_attention is None


def test_an_edit_that_is_taken_back_lets_the_step_go(sequences, reader):
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step(when="2 days before closes, at 09:00"))
    assert sequences.advance_until(DUE) == []
    sequences.launch(make_step())
    later = DUE + timedelta(hours=1)
    assert sequences.advance_until(later) == [(later, "reminder", [reader.id])]


def test_what_waits_past_its_time_is_skipped_and_never_sent(sequences, reader):
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step(when="2 days before closes, at 09:00"))
    sequences.advance(DUE)
    assert sequences.advance(CLOSES) == []
    assert sequences.rows() == [("reminder", "skipped", "closed")]


def test_a_later_close_moves_what_counts_from_it_and_nothing_else(sequences, reader):
    sequences.launch(make_step(step_id="middle", when="1 week after opens, at 09:00"), make_step())
    sequences.advance(OPENS)
    sequences.launches["producer-groups"] = make_launch(closes=wall("2026-12-20T18:00"))
    middle = OPENS + 7 * DAY
    assert sequences.advance_until(middle, DUE) == [(middle, "middle", [reader.id])]
    agree_to_all(sequences)
    assert sequences.advance_until(DUE + DAY, DUE + 2 * DAY) == [(DUE + 2 * DAY, "reminder", [reader.id])]


def test_an_earlier_hour_holds_for_everybody_part_by_part(engine, sequences, monkeypatch):
    monkeypatch.setattr(rederive_run, "CHUNK", 3)
    monkeypatch.setattr(rederive_run, "ROUNDS", 1)
    with writing(engine) as connection:
        readers = make_subscribers(connection, 10)
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step(when="5 days before closes, at 09:00"))
    agree_to_all(sequences)
    earlier = DUE - 2 * DAY
    mailed = [who for _at, _step, who in sequences.advance_until(*(earlier + timedelta(minutes=n) for n in range(6)))]
    assert sorted(one for who in mailed for one in who) == [one.id for one in readers]


def test_texts_and_rules_are_read_afresh(sequences, reader):
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step(rules=StepRules(only_if=HasTag("nobody"))))
    assert sequences.advance_until(DUE) == []
    assert sequences.rows() == [("reminder", "skipped", "only_if")]


def test_a_step_that_is_gone_is_skipped_and_needs_nobody(sequences, reader):
    gone, last = make_step(step_id="gone", when="1 week after opens, at 09:00"), make_step()
    sequences.launch(gone, last)
    sequences.advance(OPENS)
    sequences.launch(last)
    assert sequences.advance_until(OPENS + 7 * DAY, DUE) == [(DUE, "reminder", [reader.id])]
    assert sequences.rows()[0] == ("gone", "skipped", "removed")
    assert sequences.runs()[0].needs_attention is None


def test_a_new_step_is_taken_up_by_whoever_has_not_passed_it_once_it_is_agreed_to(engine, sequences):
    first = make_step("welcome", "hello", "at once after confirmed")
    added = make_step("welcome", "day-three", "3 days after confirmed, at 09:00")
    with writing(engine) as connection:
        early, late = make_subscribers(connection, 2)
    sequences.sequence("welcome", first)
    sequences.note(Trigger.CONFIRMED, early, MET - 10 * DAY)
    sequences.advance(MET - 10 * DAY)
    sequences.note(Trigger.CONFIRMED, late, MET)
    sequences.advance(MET)
    sequences.sequence("welcome", first, added)
    third = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert sequences.advance_until(MET + DAY) == []
    assert "day-three is new" in sequences.runs()[0].needs_attention
    agree_to_all(sequences)
    assert sequences.advance_until(MET + DAY, third) == [(third, "day-three", [late.id])]
    assert sequences.rows(early) == [("hello", "planned", ""), ("day-three", "skipped", "late")]
    assert [status for *_rest, status, _why in sequences.enrolled()] == ["finished", "finished"]


def test_a_new_step_before_the_one_that_is_due_goes_first_and_a_removed_one_makes_room(sequences, reader):
    first, last = make_step(step_id="soon", when="2 weeks after opens, at 09:00"), make_step()
    sequences.launch(first, last)
    sequences.advance(OPENS)
    sequences.launch(make_step(step_id="sooner", when="1 week after opens, at 09:00"), last)
    agree_to_all(sequences)
    assert sequences.advance_until(OPENS + 7 * DAY, OPENS + 14 * DAY, DUE) == [
        (OPENS + 7 * DAY, "sooner", [reader.id]),
        (DUE, "reminder", [reader.id]),
    ]
    assert ("soon", "skipped", "removed") in sequences.rows()


def test_before_anybody_is_in_it_an_edit_needs_nobody(sequences):
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.launch(make_step(when="2 days before closes, at 09:00"))
    sequences.advance(OPENS + DAY)
    [run] = sequences.runs()
    assert (run.needs_attention, run.timings) == (None, timings_of(sequences.steps["launch"]))
    assert run.anchors == anchors_of(make_launch())


def test_who_was_stopped_stays_out_whatever_is_edited(engine, sequences):
    with writing(engine) as connection:
        make_subscriber(connection, suppressed="bounced")
    sequences.launch(make_step(step_id="a", when="at opens"))
    sequences.advance(OPENS)
    sequences.launch(make_step(step_id="a", when="at opens"), make_step())
    agree_to_all(sequences)
    assert sequences.advance_until(OPENS + DAY, DUE) == []
    assert [row[2:] for row in sequences.enrolled()] == [("stopped", "bounced")]


def test_a_close_that_no_step_counts_from_is_followed_unasked(sequences, reader):
    """No hour changes, only until when what is left makes sense; in the end it goes, for the launch is still open."""
    late = datetime(2026, 12, 26, 9, tzinfo=UTC)
    step = make_step(step_id="still-open", when="40 days after opens, at 09:00")
    sequences.launch(step)
    sequences.advance(OPENS)
    sequences.launch(step, closes=wall("2026-12-31T18:00"))
    assert sequences.advance_until(OPENS + DAY, late) == [(late, "still-open", [reader.id])]
    assert sequences.runs()[0].needs_attention is None


def test_what_waits_behind_a_step_is_not_passed_by_when_hours_are_derived_anew(sequences, reader):
    """A clock that was away finds both; that the close was moved meanwhile, or another step, takes neither away."""
    steps = [
        make_step(step_id="seventh", when="1 week after opens, at 09:00"),
        make_step(step_id="eighth", when="8 days after opens, at 09:00"),
    ]
    sequences.launch(*steps)
    sequences.advance(OPENS)
    sequences.launch(*steps, closes=wall("2026-12-31T18:00"))
    back = OPENS + 9 * DAY
    assert [step for _at, step, _who in sequences.advance_until(back, back + DAY)] == ["seventh", "eighth"]


def test_what_waits_behind_a_step_that_is_held_comes_once_that_is_agreed_to(sequences, reader):
    eighth = make_step(step_id="eighth", when="8 days after opens, at 09:00")
    sequences.launch(make_step(step_id="seventh", when="1 week after opens, at 09:00"), eighth)
    sequences.advance(OPENS)
    sequences.launch(make_step(step_id="seventh", when="10 days after opens, at 09:00"), eighth)
    assert sequences.advance_until(*(OPENS + n * DAY for n in (7, 8))) == []
    agree_to_all(sequences)
    assert sequences.advance_until(*(OPENS + n * DAY for n in (9, 10))) == [
        (OPENS + 9 * DAY, "eighth", [reader.id]),
        (OPENS + 10 * DAY, "seventh", [reader.id]),
    ]
