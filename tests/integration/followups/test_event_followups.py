"""What happens to a reader enrolls them in what answers it, once, and each step goes at its hour."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.followups import LOUD, ZONE, make_step
from tests.support.ledger import planned_mailing
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.plan import end_of_day
from worker.domain.quiet import QuietRules
from worker.domain.trigger import Trigger
from worker.store.consent import confirm_pending
from worker.store.engine import reading, writing
from worker.store.grants import NewGrant, give
from worker.store.tables import batches, mailings, subscribers, triggers
from worker.store.triggers import note_trigger
from worker.usecases import enroll_triggers

MET = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)  # a Friday
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
WELCOME = [
    make_step("welcome", "hello", "at once after confirmed"),
    make_step("welcome", "day-three", "3 days after confirmed, at 09:00"),
]
THIRD = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def reader(engine):
    with writing(engine) as connection:
        return make_subscriber(connection)


def waiting(engine):
    with reading(engine) as connection:
        return len(connection.execute(select(triggers)).all())


def test_each_step_goes_at_its_hour_after_the_event(engine, sequences, reader):
    sequences.sequence("welcome", *WELCOME)
    sequences.note(Trigger.CONFIRMED, reader, MET)
    assert sequences.advance_until(MET, THIRD - MILLISECOND, THIRD) == [
        (MET, "hello", [reader.id]),
        (THIRD, "day-three", [reader.id]),
    ]
    assert waiting(engine) == 0
    assert sequences.enrolled() == [(reader.id, "", "finished", "")]


def test_a_trigger_that_nothing_answers_goes(engine, sequences, reader):
    sequences.sequence("welcome", *WELCOME)
    sequences.note(Trigger.PAID, reader, MET)
    sequences.advance(MET)
    assert (waiting(engine), sequences.enrolled()) == (0, [])


def test_the_same_event_twice_enrolls_once_and_another_occurrence_again(engine, sequences, reader):
    sequences.sequence("thanks", make_step("thanks", "thanks", "at once after verified"))
    for occurrence in ("1", "1", "2"):
        sequences.note(Trigger.VERIFIED, reader, MET, occurrence)
    sequences.advance(MET)
    sequences.note(Trigger.VERIFIED, reader, MET + DAY, "1")
    sequences.advance(MET + DAY)
    assert [row[:2] for row in sequences.enrolled()] == [(reader.id, "1"), (reader.id, "2")]


def test_two_occurrences_in_one_hour_are_two_mails(engine, sequences, reader):
    sequences.sequence("thanks", make_step("thanks", "thanks", "at once after verified"))
    sequences.note(Trigger.VERIFIED, reader, MET, "1")
    sequences.note(Trigger.VERIFIED, reader, MET, "2")
    made = sequences.advance(MET)
    assert [sequences.readers(one) for one in made] == [[reader.id], [reader.id]]


def test_a_milestone_by_its_name_is_that_one_alone(engine, sequences, reader):
    sequences.sequence("hat", make_step("hat", "hat", "at once after milestone hat"))
    sequences.sequence("any", make_step("any", "any", "at once after milestone"))
    sequences.note(Trigger.MILESTONE, reader, MET, "mug")
    assert [step for _at, step, _who in sequences.advance_until(MET)] == ["any"]
    sequences.note(Trigger.MILESTONE, reader, MET, "hat")
    assert sorted(step for _at, step, _who in sequences.advance_until(MET)) == ["any", "hat"]


def test_every_one_of_many_is_enrolled_by_however_many_clocks(engine, sequences, monkeypatch):
    monkeypatch.setattr(enroll_triggers, "CHUNK", 7)
    with writing(engine) as connection:
        readers = make_subscribers(connection, 60)
        for one in readers:
            note_trigger(connection, Trigger.CONFIRMED, one.id, MET)
    sequences.sequence("welcome", *WELCOME)
    with ThreadPoolExecutor(4) as pool:
        made = [one for ids in pool.map(lambda _: sequences.advance(MET), range(4)) for one in ids]
    made += sequences.advance(MET)
    mailed = sorted(reader for one in made for reader in sequences.readers(one))
    assert mailed == [one.id for one in readers]
    assert [row[0] for row in sorted(sequences.enrolled())] == mailed


def test_what_is_long_past_is_skipped_and_says_so(engine, sequences, reader):
    sequences.sequence("welcome", *WELCOME)
    sequences.note(Trigger.CONFIRMED, reader, MET)
    assert sequences.advance(MET + 30 * DAY) == []
    assert sequences.rows() == [("hello", "skipped", "late"), ("day-three", "skipped", "late")]
    assert sequences.enrolled() == [(reader.id, "", "finished", "")]


def test_a_broken_sequence_loses_nobody_and_stops_nothing_else(engine, sequences, reader):
    sequences.sequence("welcome", *WELCOME)
    sequences.sequence("other", make_step("other", "other", "at once after confirmed"))
    sequences.note(Trigger.CONFIRMED, reader, MET)
    sequences.advance(MET)
    with writing(engine) as connection:
        second = make_subscriber(connection)
    sequences.note(Trigger.CONFIRMED, second, MET + DAY)
    del sequences.steps["welcome"]
    sequences.broken["welcome"] = "content/sequences/welcome/01.md:3: it is not YAML"
    assert [step for _at, step, _who in sequences.advance_until(MET + DAY, THIRD)] == ["other"]
    [run] = [one for one in sequences.runs() if one.sequence == "welcome"]
    assert run.needs_attention == "welcome cannot be read, and waits: content/sequences/welcome/01.md:3: it is not YAML"
    sequences.broken.clear()
    sequences.sequence("welcome", *WELCOME)
    later = THIRD + timedelta(hours=1)
    assert sorted(sequences.advance_until(later), key=lambda one: one[1]) == [
        (later, "day-three", [reader.id]),
        (later, "hello", [second.id]),
    ]
    assert {one.needs_attention for one in sequences.runs()} == {None}


def test_confirming_and_becoming_paid_are_noted_once_and_an_import_is_not(engine, sequences):
    sequences.sequence("paid", make_step("paid", "paid", "at once after paid"))
    with writing(engine) as connection:
        free = make_subscriber(connection)
        make_subscriber(connection, "paid")
        for key in ("one", "two"):
            give(connection, free.id, NewGrant(key, "gifted", ends_at=end_of_day(MET + 9 * DAY, ZONE)), ZONE, MET)
        pending = make_subscriber(connection, status="pending")
        assert confirm_pending(connection, pending.id, MET, "")
    assert sequences.advance_until(MET) == [(MET, "paid", [free.id])]


def issue(engine, readers, at=MET):
    """A broadcast of an issue, planned for some readers; its hour is `at`."""
    mailing_id = planned_mailing(engine, key="broadcast:should-you", send_at=at)
    with writing(engine) as connection:
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(source="issue:should-you"))
    return mailing_id


def test_a_step_after_an_issue_goes_to_those_the_issue_went_to(engine, sequences, monkeypatch):
    monkeypatch.setattr("worker.usecases.enroll_audiences.CHUNK", 4)
    with writing(engine) as connection:
        readers = make_subscribers(connection, 9)
        make_subscriber(connection, suppressed="bounced")
    sequences.sequence("more", make_step("more", "more", "5 days after issue should-you, at 10:00"))
    assert sequences.advance(MET) == []
    mailing_id = issue(engine, readers)
    with writing(engine) as connection:
        connection.execute(update(batches).where(batches.c.mailing_id == mailing_id).values(status="submitted"))
        make_subscriber(connection)
    due = datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert sequences.advance_until(MET, due) == [(due, "more", [one.id for one in readers])]
    sequences.advance(due + 30 * DAY)
    assert sequences.runs() == []


def quiet(sequences, **rules):
    sequences.publication = type(sequences.publication)(
        **{name: getattr(sequences.publication, name) for name in sequences.publication.__slots__}
        | {
            "quiet": QuietRules(
                **({"from_issue": LOUD.from_issue, "between": LOUD.between, "night": LOUD.night, "per_week": 0} | rules)
            )
        }
    )


def test_a_step_keeps_away_from_an_issue_that_went_or_is_to_go(engine, sequences, reader):
    sequences.sequence("welcome", WELCOME[1])
    quiet(sequences, from_issue=timedelta(hours=12))
    sequences.note(Trigger.CONFIRMED, reader, MET)
    sequences.advance(MET)
    issue(engine, [reader], THIRD + timedelta(hours=2))
    after = THIRD + timedelta(hours=14)
    assert sequences.advance_until(THIRD, after - MILLISECOND, after) == [(after, "day-three", [reader.id])]


def test_follow_ups_keep_away_from_each_other_whatever_their_sequence(engine, sequences, reader):
    sequences.sequence("one", make_step("one", "one", "at once after confirmed"))
    sequences.sequence("two", make_step("two", "two", "at once after confirmed"))
    quiet(sequences, between=DAY)
    sequences.note(Trigger.CONFIRMED, reader, MET)
    assert sequences.advance_until(MET, MET + DAY - MILLISECOND, MET + DAY) == [
        (MET, "one", [reader.id]),
        (MET + DAY, "two", [reader.id]),
    ]


def test_a_week_holds_so_many_and_a_step_with_no_room_in_its_time_is_skipped(engine, sequences, reader):
    for number in range(3):
        sequences.sequence(f"s{number}", make_step(f"s{number}", f"s{number}", "at once after confirmed"))
    quiet(sequences, per_week=2)
    sequences.note(Trigger.CONFIRMED, reader, MET)
    assert [step for _at, step, _who in sequences.advance_until(MET, MET + DAY, MET + 7 * DAY)] == ["s0", "s1"]
    assert ("s2", "skipped", "week_full") in sequences.rows()


def test_nobody_is_mailed_in_their_night(engine, sequences):
    with writing(engine) as connection:
        tokyo = make_subscriber(connection, zone="Asia/Tokyo")
    sequences.sequence("welcome", WELCOME[0])
    quiet(sequences, night=QuietRules().night)
    sequences.note(Trigger.CONFIRMED, tokyo, MET)  # half past midnight there
    morning = datetime(2026, 11, 20, 23, tzinfo=UTC)
    assert sequences.advance_until(MET, morning - MILLISECOND, morning) == [(morning, "hello", [tokyo.id])]


def test_who_paused_misses_a_step_and_gets_the_next(engine, sequences, reader):
    sequences.sequence("welcome", *WELCOME)
    with writing(engine) as connection:
        connection.execute(update(subscribers).values(paused_until=datetime(2199, 1, 1, tzinfo=UTC)))
    sequences.note(Trigger.CONFIRMED, reader, MET)
    sequences.advance(MET)
    with writing(engine) as connection:
        connection.execute(update(subscribers).values(paused_until=None))
    assert sequences.advance_until(THIRD) == [(THIRD, "day-three", [reader.id])]
    assert sequences.rows()[0] == ("hello", "skipped", "paused")
