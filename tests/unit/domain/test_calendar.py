"""Wall times and instants, on the odd days too."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.followups import wall
from worker.domain.calendar import instant, wall_time, zone_exists

zones = st.sampled_from(
    ["UTC", "Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]
)
moments = st.datetimes(wall("1990-01-01"), wall("2040-01-01"), timezones=st.just(UTC))
walls = st.datetimes(wall("1990-01-01"), wall("2040-01-01"))


@given(moments, zones)
def test_an_instant_comes_back_from_its_wall_time_or_as_the_first_of_two(at, zone):
    back = instant(wall_time(at, zone), zone)
    assert back <= at
    assert back == at or wall_time(back, zone) == wall_time(at, zone)


@given(walls, zones)
def test_a_wall_time_comes_back_unless_the_clocks_skip_it(written, zone):
    shown = wall_time(instant(written, zone), zone)
    assert timedelta(0) <= shown - written <= timedelta(hours=1)


@given(walls, zones, st.timedeltas(timedelta(hours=2), timedelta(days=400)))
def test_a_clearly_later_wall_time_is_a_later_instant(written, zone, later):
    assert instant(written + later, zone) > instant(written, zone)


@pytest.mark.parametrize(
    ("written", "zone", "at"),
    [
        ("2027-03-28T01:30", "Europe/Lisbon", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),  # skipped: as 02:30
        ("2026-10-25T01:30", "Europe/Lisbon", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice: the first
        ("2026-10-04T02:15", "Australia/Lord_Howe", datetime(2026, 10, 3, 15, 45, tzinfo=UTC)),  # half an hour skipped
    ],
)
def test_the_odd_hours_have_one_stated_meaning(written, zone, at):
    assert instant(wall(written), zone) == at
    assert instant(wall(written).replace(fold=1), zone) == at


def test_a_wall_time_with_an_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        instant(datetime(2026, 1, 1, tzinfo=UTC), "UTC")


@pytest.mark.parametrize(
    ("zone", "exists"),
    [
        ("Europe/Lisbon", True),
        ("UTC", True),
        ("Mars/Olympus", False),
        ("", False),
        ("../etc/passwd", False),
        ("/UTC", False),
        ("a\0b", False),
    ],
)
def test_only_zones_of_the_database_exist(zone, exists):
    assert zone_exists(zone) is exists
