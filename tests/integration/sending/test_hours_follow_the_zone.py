"""A scheduled mailing goes at its wall time, whatever becomes of the clocks between scheduling and sending."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.support.followups import PUBLICATION
from tests.support.ledger import make_mailing
from tests.support.makers import NOW, make_subscriber
from worker.domain.mailing import MailingStatus
from worker.errors import UsageError
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import get_mailing
from worker.store.tables import mailings, subscribers
from worker.usecases.rederive_hours import LOCAL_EVERY, rederive_hours
from worker.usecases.schedule_broadcast import read_hour
from worker.usecases.tick import Content, tick

MEANT = datetime(2026, 11, 30, 7, tzinfo=UTC)  # 07:00 in Lisbon
CONTENT = Content(PUBLICATION, {}, {})


def scheduled(engine, send_at, **columns):
    """A mailing for 07:00 on 30 November in Lisbon, with the instant that an older zone database gave it."""
    with writing(engine) as connection:
        make_subscriber(connection)
        mailing_id = make_mailing(connection, send_at=send_at, local_hour=columns.pop("local_hour", False))
        values = {"wall_time": "2026-11-30T07:00", "zone": "Europe/Lisbon"} | columns
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(**values))
    return mailing_id


def look(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id)


@pytest.mark.parametrize("hours", [-2, -1, 1, 2])
def test_the_wall_time_wins_and_staging_moves_along(engine, hours):
    wrong = MEANT + timedelta(hours=hours)
    mailing_id = scheduled(engine, wrong, stage_at=wrong - timedelta(minutes=45))
    assert rederive_hours(engine, PUBLICATION, NOW) == [mailing_id]
    found = look(engine, mailing_id)
    assert (found.send_at, found.stage_at) == (MEANT, MEANT - timedelta(minutes=45))
    assert rederive_hours(engine, PUBLICATION, NOW) == [], "a second time changes nothing"


def test_the_clock_does_it_before_it_looks_what_is_due(engine):
    mailing_id = scheduled(engine, MEANT + timedelta(hours=1))
    due = tick(engine, CONTENT, now=MEANT, batch_size=10, lanes=1)
    assert [(one.job, one.mailing_id) for one in due] == [("plan_mailing", mailing_id)]


def test_an_hour_that_has_come_stays_what_it_was(engine):
    mailing_id = scheduled(engine, MEANT - timedelta(hours=1))
    assert rederive_hours(engine, PUBLICATION, MEANT - timedelta(minutes=30)) == []
    assert look(engine, mailing_id).send_at == MEANT - timedelta(hours=1)


@pytest.mark.parametrize(
    "columns",
    [{"status": MailingStatus.PAUSED}, {"status": MailingStatus.PLANNING}, {"zone": "Mars/Olympus"}],
)
def test_what_is_not_merely_scheduled_or_has_no_known_zone_is_left_alone(engine, columns):
    mailing_id = scheduled(engine, MEANT + timedelta(hours=1), **columns)
    assert rederive_hours(engine, PUBLICATION, NOW) == []
    assert look(engine, mailing_id).send_at == MEANT + timedelta(hours=1)


def test_seconds_that_a_wall_time_does_not_hold_are_no_change(engine):
    scheduled(engine, MEANT + timedelta(seconds=59))
    assert rederive_hours(engine, PUBLICATION, NOW) == []


def test_at_local_hours_the_first_reader_is_looked_for_every_quarter_of_an_hour(engine):
    mailing_id = scheduled(engine, MEANT, local_hour=True)
    assert rederive_hours(engine, PUBLICATION, NOW) == []
    with writing(engine) as connection:
        reader = make_subscriber(connection)
        connection.execute(update(subscribers).where(subscribers.c.id == reader.id).values(zone="Asia/Tokyo"))
    soon = NOW + LOCAL_EVERY
    assert rederive_hours(engine, PUBLICATION, soon - timedelta(seconds=1)) == []
    assert rederive_hours(engine, PUBLICATION, soon) == [mailing_id]
    assert look(engine, mailing_id).send_at == datetime(2026, 11, 29, 22, tzinfo=UTC), "07:00 in Tokyo"


def test_a_segment_that_is_gone_does_not_stop_the_clock(engine):
    scheduled(engine, MEANT, local_hour=True, segment="forgotten")
    assert rederive_hours(engine, PUBLICATION, NOW) == []


def test_an_hour_that_comes_twice_and_has_passed_once_is_not_sent_at_once_by_mistake():
    second_ten_past_one = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    with pytest.raises(UsageError, match="01:30 comes twice that day in Europe/Lisbon and has passed once"):
        read_hour("01:30", "Europe/Lisbon", second_ten_past_one)
    assert read_hour("02:00", "Europe/Lisbon", second_ten_past_one).at == datetime(2026, 10, 25, 2, tzinfo=UTC)
