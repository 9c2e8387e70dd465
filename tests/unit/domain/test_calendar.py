"""Wall times and instants, on the odd days too."""

import string
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.followups import wall
from worker.domain.calendar import instant, oddity, parse_wall, wall_time, zone_exists

every_zone = st.sampled_from(sorted(available_timezones()))
zones = st.sampled_from(
    ["UTC", "Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]
)
moments = st.datetimes(wall("1990-01-01"), wall("2040-01-01"), timezones=st.just(UTC))
walls = st.datetimes(wall("1990-01-01"), wall("2040-01-01"))


@st.composite
def near_changes(draw):
    """A zone, and two wall times around a day on which its clocks are changed (any day where they never are)."""
    zone = draw(every_zone)
    first = date(draw(st.integers(1990, 2060)), 1, 1)
    offsets = [datetime.combine(first + timedelta(n), time(0), ZoneInfo(zone)).utcoffset() for n in range(366)]
    changing = [n for n in range(365) if offsets[n] != offsets[n + 1]] or [draw(st.integers(0, 364))]
    day = datetime.combine(first + timedelta(draw(st.sampled_from(changing))), time(0))
    minutes = st.integers(-3 * 60, 30 * 60)
    one, other = sorted((draw(minutes), draw(minutes)))
    return zone, day + timedelta(minutes=one), day + timedelta(minutes=other)


@given(near_changes())
def test_where_clocks_change_existing_wall_times_keep_their_order_and_missing_ones_move_by_the_gap(drawn):
    zone, one, other = drawn
    for written in (one, other):
        meant = wall_time(instant(written, zone), zone)
        assert instant(meant, zone) == instant(written, zone)
        assert meant >= written
        assert ("does not exist" in oddity(written, zone)) == (meant > written)
    if wall_time(instant(one, zone), zone) == one and wall_time(instant(other, zone), zone) == other:
        assert (instant(one, zone) < instant(other, zone)) == (one < other)


@given(near_changes())
def test_of_two_moments_with_one_wall_time_the_first_is_meant(drawn):
    zone, written, _ = drawn
    at = instant(written, zone)
    for minutes in range(15, 241, 15):
        assert wall_time(at - timedelta(minutes=minutes), zone) != written


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


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (wall("2027-03-28T02:30"), "02:30 does not exist that day in Europe/Amsterdam; it goes at 03:30"),
        (wall("2026-10-25T02:30"), "02:30 comes twice that day in Europe/Amsterdam; it goes the first time"),
        (wall("2026-11-30T07:00"), ""),
    ],
)
def test_what_is_odd_about_an_hour_is_said_in_words(written, words):
    assert oddity(written, "Europe/Amsterdam") == words


@given(
    walls,
    every_zone,
)
def test_every_wall_time_of_every_zone_has_one_instant_and_a_gap_only_moves_it_forward(written, zone):
    at = instant(written, zone)
    back = wall_time(at, zone)
    assert instant(back, zone) == at
    assert back >= written
    assert (back == written) or "does not exist" in oddity(written, zone)


@given(
    walls,
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3)),
    every_zone,
)
def test_a_day_or_more_later_on_the_wall_is_never_earlier(written, later, zone):
    # Clocks are set by up to two hours at once, but for zones that skip or repeat a day (Samoa in 2011).
    assert instant(written + later + timedelta(days=1), zone) >= instant(written, zone)


NOW_ON_THE_WALL = wall("2026-11-16T08:00")  # a Monday


@pytest.mark.parametrize(
    ("words", "means"),
    [
        ("monday 07:00", "2026-11-23T07:00"),
        ("Monday 09:00", "2026-11-16T09:00"),
        ("tomorrow 07:00", "2026-11-17T07:00"),
        ("07:00", "2026-11-17T07:00"),
        ("09:00:30", "2026-11-16T09:00"),
        ("2026-11-30 07:00", "2026-11-30T07:00"),
        ("2026-11-30T07:00", "2026-11-30T07:00"),
    ],
)
def test_an_author_may_write_an_hour_in_several_ways(words, means):
    assert parse_wall(words, NOW_ON_THE_WALL) == wall(means)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("07:00+02:00", "is no time"),
        ("7", "is no time"),
        ("2026-11-30 07:00Z", "is no time"),
        ("someday 07:00", "is no day"),
        ("2026-11-16 07:00", "has passed"),
        ("today 07:00", "has passed"),
        ("9999-12-31 23:59", "too far away"),
        ("", "is no time"),
    ],
)
def test_any_other_hour_is_refused_in_a_sentence(words, why):
    with pytest.raises(ValueError, match=why):
        parse_wall(words, NOW_ON_THE_WALL)


@given(st.text(string.digits + "-:t +zday.", max_size=24) | st.text(max_size=24), walls)
def test_whatever_is_written_is_a_wall_time_to_come_or_refused(words, now):
    try:
        found = parse_wall(words, now)
    except ValueError:
        return
    assert found.tzinfo is None
    assert found > now or words.strip().lower().startswith("tomorrow")
    assert instant(found, "Pacific/Kiritimati") < instant(found, "Etc/GMT+12"), "no zone is too far for it"
