"""What `sequences simulate` and `preview` say is what the clock then does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.integration.followups.conftest import CLOSES, DUE, OPENS, Sequences
from tests.support.followups import PUBLICATION, make_step
from tests.support.ledger import make_mailing, planned_mailing
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.quiet import QuietRules
from worker.domain.trigger import Trigger
from worker.store.engine import reading, writing
from worker.store.tables import batches, deliveries, mailings, subscribers
from worker.usecases.foresee_sequence import simulate, timetable

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def engine(sqlite_engine):
    return sqlite_engine


@pytest.fixture
def sequences(engine):
    return Sequences(engine)


def test_it_counts_those_alone_whom_a_running_launch_will_still_meet(engine, sequences):
    """Whoever begins to pay while it runs was gone by already, unless they are among the newest of the list."""
    with writing(engine) as connection:
        [free] = make_subscribers(connection, 1)
        make_subscribers(connection, 1_100, plan="paid")
        make_subscribers(connection, 1)
    sequences.launch(make_step(), audience="paid")
    sequences.advance(OPENS)
    sequences.advance(OPENS)
    with writing(engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id >= free.id).values(plan="paid"))
    outlook = simulate(engine, sequences.content, "launch", CLOSES, OPENS + DAY)
    done = sequences.advance_until(*(OPENS + n * DAY for n in range(1, 29)), DUE, DUE + HOUR)
    assert sum(one.readers for one in outlook if one.seen.sent) == sum(len(who) for *_, who in done) == 1_101


def test_it_knows_what_follows_an_issue_that_is_scheduled(engine, sequences):
    with writing(engine) as connection:
        make_subscribers(connection, 3)
        make_mailing(connection, key="broadcast:should-you", send_at=OPENS)
    sequences.sequence("more", make_step("more", "more", "5 days after issue should-you, at 10:00"))
    [found] = simulate(engine, sequences.content, "more", CLOSES, OPENS - DAY)
    assert (found.readers, found.seen.at, found.seen.sent) == (3, OPENS + 5 * DAY + HOUR, True)


def test_it_is_not_stopped_by_another_launch_that_has_no_audience(engine, sequences):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    sequences.launch(make_step(), audience="no-such-segment")
    sequences.sequence("welcome", make_step("welcome", "hello", "2 days after confirmed"))
    sequences.note(Trigger.CONFIRMED, reader, OPENS)
    sequences.advance(OPENS)
    [found] = simulate(engine, sequences.content, "welcome", CLOSES, OPENS)
    assert found.readers == 1


def test_the_timetable_of_nobody_keeps_to_the_days_of_the_step(engine, sequences):
    sequences.publication = replace(PUBLICATION, quiet=QuietRules())
    sequences.sequence("welcome", make_step("welcome", "hello", "at once after confirmed, on weekdays"))
    friday_night = datetime(2026, 11, 20, 22, tzinfo=UTC)
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    real = timetable(engine, sequences.content, "welcome", friday_night, CLOSES, reader.id)
    nobody = timetable(engine, sequences.content, "welcome", friday_night, CLOSES)
    assert [one.seen.at for one in nobody] == [one.seen.at for one in real] == [datetime(2026, 11, 23, 8, tzinfo=UTC)]


def test_a_folder_that_is_gone_makes_its_steps_wait_and_not_go_without_a_word(engine, sequences):
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    sequences.launch(make_step())
    sequences.advance(OPENS)
    sequences.steps.clear()
    found = simulate(engine, sequences.content, "launch", CLOSES + DAY, OPENS + DAY)
    sequences.advance_until(OPENS + DAY, DUE + HOUR)
    assert {row[1] for row in sequences.rows()} == {"due"}  # it waits until the folder is back
    assert {(one.seen.at > DUE, one.seen.why) for one in found} == {(True, "held")}
    with reading(engine):
        assert sum(one.readers for one in found) == 3


def test_what_comes_after_a_step_that_is_held_waits_for_it_too(engine, sequences):
    with writing(engine) as connection:
        make_subscriber(connection)
    last = make_step(step_id="last", when="1 day before closes, at 09:00")
    sequences.launch(make_step(), last)
    sequences.advance(OPENS)
    sequences.launch(make_step(when="4 days before closes, at 09:00"), last)
    found = simulate(engine, sequences.content, "launch", CLOSES + DAY, OPENS + DAY)
    done = sequences.advance_until(*(OPENS + n * DAY for n in range(1, 34)))
    assert [one for one in found if one.seen.sent] == done == []
    assert {(one.seen.step_id, one.seen.at, one.seen.sent) for one in found} == {
        ("reminder", CLOSES, False),
        ("last", CLOSES, False),
    }


def test_it_knows_whom_an_issue_did_not_reach(engine, sequences):
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    issue = planned_mailing(engine, key="broadcast:should-you")
    with writing(engine) as connection:
        values = {"source": "issue:should-you", "send_at": OPENS}
        connection.execute(update(mailings).where(mailings.c.id == issue).values(values))
    sequences.sequence("more", make_step("more", "more", "5 days after issue should-you, at 10:00"))
    sequences.advance(OPENS)
    with writing(engine) as connection:
        refused = update(deliveries).where(deliveries.c.subscriber_id == 2)
        connection.execute(refused.values(refused_reason="no such mailbox"))
        connection.execute(update(batches).values(status="submitted"))
    found = simulate(engine, sequences.content, "more", CLOSES, OPENS + DAY)
    [(_at, _step, who)] = sequences.advance_until(OPENS + 5 * DAY + HOUR)
    assert {one.seen.why: one.readers for one in found} == {"": len(who), "no_issue": 1}


def test_a_pause_that_ends_takes_no_step_after_its_end_away(engine, sequences):
    now = datetime.now(UTC).replace(microsecond=0)
    with writing(engine) as connection:
        reader = make_subscriber(connection, paused_until=now + 5 * DAY)
    steps = [make_step("welcome", name, f"{days} days after confirmed") for name, days in (("third", 3), ("ninth", 9))]
    sequences.sequence("welcome", *steps)
    sequences.note(Trigger.CONFIRMED, reader, now)
    sequences.advance(now)
    found = simulate(engine, sequences.content, "welcome", now + 20 * DAY, now + HOUR)
    assert [(one.seen.step_id, one.seen.why) for one in found] == [("third", "paused"), ("ninth", "")]
