"""When steps fall due: calendar days on a wall clock, in every zone, on the odd days too."""

import random
from datetime import UTC, datetime, time, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.followups import ZONE, make_launch, make_step, wall
from tests.unit.domain.test_timing import timings
from worker.domain.calendar import instant, wall_time
from worker.domain.sequence import (
    KEEPS,
    Anchors,
    anchors_of,
    fall_due,
    first_of_launch,
    last_moment,
    moment_of,
    next_moment,
    read_anchors,
    read_timings,
    timings_of,
    write_anchors,
    write_timings,
)
from worker.domain.timing import EVERY_DAY, Anchor, Timing, Unit, parse_when

EVERY_ZONE = sorted(available_timezones())
FIRST, DAYS = datetime(2026, 1, 1, tzinfo=UTC), 731
moments = st.datetimes(wall("2026-01-01"), wall("2028-01-01"), timezones=st.just(UTC))
zones = st.sampled_from(EVERY_ZONE)


def due(when, anchor, zone="UTC"):
    return fall_due(parse_when(when), anchor, zone)


def model(timing, anchor, zone):
    """The same moment, found the slow way: days are named one after the other on a calendar, and hours tried in turn."""
    sign = -1 if timing.before else 1
    if timing.unit in (Unit.MINUTES, Unit.HOURS):
        at = anchor + sign * timedelta(**{timing.unit.value: timing.amount})
        hour = wall_time(at, zone)
        day, hour = hour.date(), hour.time()
    else:
        here = wall_time(anchor, zone)
        day, hour = here.date(), timing.at or here.time()
        for _turn in range(timing.amount * (7 if timing.unit is Unit.WEEKS else 1)):
            day = day.fromordinal(day.toordinal() + sign)
        at = anchor if timing.at is None and not timing.amount else instant(datetime.combine(day, hour), zone)
        if at < anchor and not timing.before:
            day = day.fromordinal(day.toordinal() + 1)
            at = instant(datetime.combine(day, hour), zone)
    moved = False
    while day.weekday() not in timing.days:
        day, moved = day.fromordinal(day.toordinal() + sign), True
    if moved:
        at = instant(datetime.combine(day, hour), zone)
    return min(at, anchor) if timing.before else max(at, anchor)


@settings(max_examples=400)
@given(timings(), moments, zones)
def test_every_timing_falls_due_where_a_calendar_turned_by_hand_says(timing, anchor, zone):
    assert fall_due(timing, anchor, zone) == model(timing, anchor, zone)


@settings(max_examples=400)
@given(timings(), moments, zones)
def test_a_step_never_goes_on_the_wrong_side_of_what_it_counts_from(timing, anchor, zone):
    at = fall_due(timing, anchor, zone)
    assert (at <= anchor) if timing.before else (at >= anchor)
    assert abs(at - anchor) <= timedelta(days=7 * 401) + timedelta(days=9)


@pytest.mark.parametrize("chunk", range(8))
def test_nine_o_clock_is_nine_o_clock_in_every_zone_on_every_day_of_two_years(chunk):
    """All zones; each with every day on which its clocks are set, and a fixed draw of the others."""
    timing = parse_when("1 day after confirmed, at 02:30")
    checked = 0
    for zone in EVERY_ZONE[chunk::8]:
        drawn = random.Random(zone)
        walls = {
            wall_time(FIRST + timedelta(days=n), zone) - (FIRST + timedelta(days=n)).replace(tzinfo=None)
            for n in range(DAYS)
        }
        offsets = [
            wall_time(FIRST + timedelta(days=n), zone) - (FIRST + timedelta(days=n)).replace(tzinfo=None)
            for n in range(DAYS)
        ]
        odd = [n for n in range(1, DAYS) if offsets[n] != offsets[n - 1]] if len(walls) > 1 else []
        for n in sorted({*(m + d for m in odd for d in (-2, -1, 0, 1)), *drawn.sample(range(DAYS), 12)}):
            noon = FIRST + timedelta(days=n, hours=12)
            expected = datetime.combine(wall_time(noon, zone).date() + timedelta(days=1), time(2, 30))
            at = fall_due(timing, noon, zone)
            shown = wall_time(at, zone)
            assert at == max(instant(expected, zone), noon), (zone, noon)
            assert timedelta(0) <= shown - expected <= timedelta(hours=2), (zone, noon)  # a gap only moves it forward
            assert wall_time(at - timedelta(hours=1), zone) != shown, (zone, noon)  # of two hours alike the first
            checked += 1
    assert checked > 900


@settings(max_examples=300)
@given(
    timings().filter(lambda one: one.days != EVERY_DAY),
    moments,
    st.sampled_from(["UTC", ZONE, "Asia/Kathmandu", "America/New_York"]),
)
def test_a_step_falls_on_a_day_it_names_unless_that_would_pass_what_it_counts_from(timing, anchor, zone):
    at = fall_due(timing, anchor, zone)
    assert wall_time(at, zone).weekday() in timing.days or at == anchor


@given(timings(), moments, zones, zones)
def test_their_time_is_the_readers_clock_and_nobody_elses_changes_anything(timing, anchor, own, other):
    anchors = Anchors(own, wall("2026-11-16T09:00"), wall("2026-12-18T18:00"))
    here = moment_of("a", timing, anchors, anchor)
    there = moment_of("a", timing, anchors, anchor, other)
    assert there == here if not timing.theirs else True
    counted_from = anchors.moment(timing.anchor, anchor)
    assert there.due_at == fall_due(timing, counted_from, other if timing.theirs else own)


def test_three_days_before_the_close_at_nine():
    assert due("3 days before closes, at 09:00", instant(wall("2026-12-18T18:00"), ZONE), ZONE) == instant(
        wall("2026-12-15T09:00"), ZONE
    )


@pytest.mark.parametrize(
    ("closes", "at"),
    [  # New York goes to summer time on 14 March 2027 and back on 7 November
        ("2027-03-13T18:00", datetime(2027, 3, 12, 14, tzinfo=UTC)),
        ("2027-03-15T18:00", datetime(2027, 3, 14, 13, tzinfo=UTC)),
        ("2027-11-07T18:00", datetime(2027, 11, 6, 13, tzinfo=UTC)),
        ("2027-11-08T18:00", datetime(2027, 11, 7, 14, tzinfo=UTC)),
    ],
)
def test_nine_in_the_morning_stays_nine_when_the_clocks_change(closes, at):
    zone = "America/New_York"
    assert due("1 day before closes, at 09:00", instant(wall(closes), zone), zone) == at


def test_an_hour_the_clocks_skip_comes_as_much_later():
    closes = instant(wall("2027-03-15T18:00"), "America/New_York")
    expected = datetime(2027, 3, 14, 7, 30, tzinfo=UTC)
    assert due("1 day before closes, at 02:30", closes, "America/New_York") == expected


def test_an_hour_that_has_passed_when_the_trigger_comes_is_the_next_days():
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert due("0 days after confirmed, at 09:00", noon) == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert due("0 days after confirmed, at 13:00", noon) == datetime(2026, 11, 20, 13, tzinfo=UTC)


def test_a_day_that_is_not_allowed_moves_on_and_before_a_close_back():
    saturday = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert due("at once after paid, on weekdays", saturday) == datetime(2026, 11, 23, 12, tzinfo=UTC)
    sunday_before = due("1 day before closes, at 09:00, on weekdays", datetime(2026, 11, 23, 18, tzinfo=UTC))
    assert sunday_before == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_each_step_has_its_own_end():
    launch = anchors_of(make_launch())
    close = instant(wall("2026-12-18T18:00"), ZONE)
    opened = instant(wall("2026-11-16T09:00"), ZONE)
    at = {
        when: moment_of("a", parse_when(when), launch, opened)
        for when in (
            "at opens",
            "1 day before opens, at 09:00",
            "2 days before closes, at 09:00",
            "1 day after closes, at 09:00",
        )
    }
    assert at["at opens"].expires_at == close
    assert at["1 day before opens, at 09:00"].expires_at == opened
    assert at["2 days before closes, at 09:00"].expires_at == close
    last = at["1 day after closes, at 09:00"]
    assert last.expires_at == last.due_at + KEEPS
    met = moment_of("a", parse_when("3 days after paid"), Anchors(ZONE), opened)
    assert met.expires_at == met.due_at + KEEPS


def test_the_next_step_is_the_earliest_that_is_left_whatever_the_files_are_called():
    steps = [
        make_step(step_id="last"),
        make_step(step_id="first", when="at opens"),
        make_step(step_id="twin", when="at opens"),
    ]
    anchors, start = anchors_of(make_launch()), instant(wall("2026-11-16T09:00"), ZONE)
    order, decided = [], set()
    while found := next_moment(timings_of(steps), decided, anchors, start):
        order.append(found.step_id)
        decided.add(found.step_id)
    assert order == ["first", "twin", "last"]


def test_a_run_begins_when_the_launch_opens_or_with_a_step_before_that():
    anchors, opened = anchors_of(make_launch()), instant(wall("2026-11-16T09:00"), ZONE)
    assert first_of_launch(timings_of([make_step()]), anchors) == opened
    early = timings_of([make_step(when="2 days before opens, at 09:00")])
    assert first_of_launch(early, anchors) == opened - timedelta(days=2)


@given(st.lists(timings(), min_size=1, max_size=4), moments, zones, zones)
def test_nothing_of_a_run_is_left_after_its_last_moment(some, start, own, theirs):
    named = {str(number): timing for number, timing in enumerate(some)}
    anchors = Anchors(own, wall("2026-11-16T09:00"), wall("2026-12-18T18:00"))
    end = last_moment(named, anchors, start)
    assert all(moment_of(name, one, anchors, start, theirs).expires_at <= end for name, one in named.items())


@given(st.lists(timings(), max_size=5), zones)
def test_what_a_run_keeps_is_read_back_the_same(some, zone):
    named = {str(number): timing for number, timing in enumerate(some)}
    assert read_timings(write_timings(named)) == named
    for anchors in (Anchors(zone), Anchors(zone, wall("2026-11-16T09:00"), wall("2026-12-18T18:00"))):
        assert read_anchors(write_anchors(anchors)) == anchors


def test_a_timing_counts_from_one_thing():
    assert Timing(Anchor.OPENS).source == Timing(Anchor.CLOSES).source
    assert Timing(Anchor.MILESTONE, which="hat").source != Timing(Anchor.MILESTONE).source
