"""When steps fall due: calendar days on a wall clock."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.followups import make_launch, make_step, wall
from worker.domain.calendar import wall_time
from worker.domain.sequence import LATEST, Hour, launch_hour, launch_step_due, triggered_step_due

ZONES = ["UTC", "Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
zones = st.sampled_from(ZONES)
moments = st.datetimes(wall("2020-01-01T00:00"), wall("2035-01-01T00:00"), timezones=st.just(UTC))
walls = st.datetimes(wall("2020-01-01T00:00"), wall("2035-01-01T00:00"))
days = st.integers(-60, 60)
hours = st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0).isoformat("minutes"))


def test_three_days_before_the_close_at_nine():
    assert launch_hour(make_step(), make_launch()) == Hour(wall("2026-12-15T09:00"), "Europe/Lisbon")


def test_without_an_hour_a_step_keeps_the_hour_of_its_anchor():
    assert launch_hour(make_step(days=-1, at=None), make_launch()).wall == wall("2026-12-17T18:00")
    assert launch_hour(make_step(anchor="opens", days=0, at=None), make_launch()).wall == wall("2026-11-16T09:00")


@pytest.mark.parametrize(
    ("closes", "due"),
    [  # New York goes to summer time on 14 March 2027 and back on 7 November
        (wall("2027-03-13T18:00"), datetime(2027, 3, 12, 14, tzinfo=UTC)),
        (wall("2027-03-15T18:00"), datetime(2027, 3, 14, 13, tzinfo=UTC)),
        (wall("2027-11-07T18:00"), datetime(2027, 11, 6, 13, tzinfo=UTC)),
        (wall("2027-11-08T18:00"), datetime(2027, 11, 7, 14, tzinfo=UTC)),
    ],
)
def test_nine_in_the_morning_stays_nine_when_the_clocks_change(closes, due):
    launch = make_launch(closes=closes, zone="America/New_York")
    assert launch_hour(make_step(days=-1), launch).at == due


def test_an_hour_the_clocks_skip_comes_as_much_later():
    launch = make_launch(closes=wall("2027-03-15T18:00"), zone="America/New_York")
    assert launch_hour(make_step(days=-1, at="02:30"), launch).at == datetime(2027, 3, 14, 7, 30, tzinfo=UTC)


@given(closes=walls, zone=zones, day=days, at=hours, late=st.timedeltas(timedelta(-90), timedelta(90)))
def test_a_launch_step_is_due_from_its_hour_until_the_close(closes, zone, day, at, late):
    launch, step = make_launch(closes=closes, zone=zone), make_step(days=day, at=at)
    hour, close = launch_hour(step, launch), Hour(closes, zone).at
    now = hour.at + late
    due = launch_step_due(step, launch, now)
    assert due == (hour if late >= timedelta(0) and now < close else None)


@given(triggered_at=moments, zone=zones, day=st.integers(0, 60), at=st.times())
def test_a_triggered_step_falls_on_its_calendar_day_at_its_hour(triggered_at, zone, day, at):
    at = at.replace(second=0, microsecond=0)
    step = make_step("referral", anchor="trigger", days=day, at=at.isoformat())
    expected = datetime.combine(wall_time(triggered_at, zone).date() + timedelta(days=day), at)
    due = Hour(expected, zone).at
    assert triggered_step_due(step, triggered_at, zone, due) == Hour(expected, zone)
    assert triggered_step_due(step, triggered_at, zone, due - timedelta(microseconds=1)) is None
    assert triggered_step_due(step, triggered_at, zone, due + LATEST) == Hour(expected, zone)
    assert triggered_step_due(step, triggered_at, zone, due + LATEST + timedelta(microseconds=1)) is None


def test_a_trigger_late_in_the_evening_counts_from_the_readers_day():
    step = make_step("referral", anchor="trigger", days=1)
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # already the 21st in Kathmandu
    due = wall("2026-11-22T09:00")
    assert triggered_step_due(step, late, "Asia/Kathmandu", late + timedelta(days=3)) == Hour(due, "Asia/Kathmandu")


def test_an_hour_before_its_trigger_has_come_at_once():
    step = make_step("referral", anchor="trigger", days=0)
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    due = triggered_step_due(step, noon, "UTC", noon)
    assert due is not None
    assert due.wall.time() == time(9)
