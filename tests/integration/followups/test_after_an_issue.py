"""Steps that count from an issue: after it has come to that very reader, never before it or without it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.integration.followups.conftest import OPENS, Sequences
from tests.support.followups import PUBLICATION, ZONE, make_step
from tests.support.ledger import claim, planned_mailing, start
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.quiet import QuietRules
from worker.store.engine import writing
from worker.store.ledger.mailings import pause_mailing, resume_mailing
from worker.store.tables import batches, deliveries, mailings

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DUE = OPENS + 5 * DAY + HOUR


@pytest.fixture
def sequences(engine):
    return Sequences(engine)


@pytest.fixture
def issue(engine, sequences):
    """An issue that is planned for three readers, in batches of two, and a step five days after it; its mailing's id."""
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    mailing_id = planned_mailing(engine, key="broadcast:should-you", batch_size=2)
    with writing(engine) as connection:
        connection.execute(
            update(mailings).where(mailings.c.id == mailing_id).values(source="issue:should-you", send_at=OPENS)
        )
    sequences.sequence("more", make_step("more", "more", "5 days after issue should-you, at 10:00"))
    sequences.advance(OPENS)
    return mailing_id


def hand_over(engine, mailing_id):
    """One batch goes; its readers."""
    started = start(engine, claim(engine, mailing_id))
    with writing(engine) as connection:
        connection.execute(update(batches).where(batches.c.id == started.batch.id).values(status="submitted"))
    return [one.subscriber_id for one in started.recipients]


def test_it_waits_while_the_issue_is_paused_and_comes_to_whom_it_has_reached(engine, sequences, issue):
    first = hand_over(engine, issue)
    with writing(engine) as connection:
        assert pause_mailing(connection, issue)
    assert sequences.advance_until(DUE, DUE + 2 * HOUR) == [(DUE, "more", first)]
    assert ("more", "due", "issue_ahead") in sequences.rows()
    with writing(engine) as connection:
        assert resume_mailing(connection, issue)
    rest = hand_over(engine, issue)
    assert sequences.advance_until(DUE + 3 * HOUR) == [(DUE + 3 * HOUR, "more", rest)]


def test_whom_the_issue_never_reached_is_not_told_what_came_after_it(engine, sequences, issue):
    with writing(engine) as connection:
        [left, *_] = connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars()
        connection.execute(update(deliveries).where(deliveries.c.id == left).values(skipped_reason="paused"))
    hand_over(engine, issue)
    assert [len(who) for _at, _step, who in sequences.advance_until(DUE)] == [1]
    assert ("more", "skipped", "no_issue") in sequences.rows()


def test_one_that_is_on_its_way_for_longer_than_the_step_makes_sense_is_given_up_and_says_why(engine, sequences, issue):
    assert sequences.advance_until(*(DUE + n * HOUR for n in range(0, 8 * 24))) == []
    assert set(sequences.rows()) == {("more", "skipped", "issue_ahead")}


def test_after_an_issue_at_local_hours_it_counts_from_each_readers_own(engine, sequences):
    with writing(engine) as connection:
        tokyo = make_subscriber(connection, zone="Asia/Tokyo")
        denver = make_subscriber(connection, zone="America/Denver")
    sequences.publication = replace(PUBLICATION, quiet=QuietRules(from_issue=timedelta(0)))
    first = datetime(2026, 11, 22, 22, tzinfo=UTC)  # Monday 07:00 in Tokyo; in Denver that is 14:00 UTC
    mailing_id = planned_mailing(engine, key="broadcast:should-you", send_at=first)
    hand_over(engine, mailing_id)
    with writing(engine) as connection:
        values = {"source": "issue:should-you", "local_hour": 1, "wall_time": "2026-11-23T07:00", "zone": ZONE}
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(values))
    sequences.sequence("more", make_step("more", "more", "3 hours after issue should-you"))
    found = sequences.advance_until(*(first + n * HOUR for n in range(0, 60)))
    assert {who: at for at, _step, readers in found for who in readers} == {
        tokyo.id: first + 3 * HOUR,
        denver.id: datetime(2026, 11, 23, 17, tzinfo=UTC),
    }
