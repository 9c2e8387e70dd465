"""A plan is derived from the list of what was given: months stack, and paid time ends at the end of a day."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.makers import NOW
from worker.domain.calendar import wall_time
from worker.domain.plan import FREE, Grant, PlanState, day_after, derive, end_of_day, lay_out
from worker.domain.subscriber import Plan

ZONES = st.sampled_from(["UTC", "Europe/Lisbon", "Pacific/Kiritimati", "America/Los_Angeles", "America/Havana"])
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
instants = st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: EPOCH + timedelta(minutes=minutes))


def grant(number=1, months=None, at=NOW, *, starts=None, ends=None, revoked=None, source="comped"):
    return Grant(number, f"key:{number}", source, months, starts or at, ends, at, revoked)


@st.composite
def grants(draw, revocable=True):
    made = []
    for number in range(1, 1 + draw(st.integers(0, 6))):
        at = draw(instants)
        revoked = draw(st.none() | instants) if revocable else None
        if draw(st.booleans()):
            made.append(grant(number, draw(st.integers(1, 14)), at, revoked=revoked, source="reward"))
        else:
            ends = draw(st.none() | instants)
            starts = draw(st.sampled_from([at, at - timedelta(days=3)]))
            made.append(grant(number, None, at, starts=starts, ends=ends, revoked=revoked))
    return made


def test_nothing_given_is_a_free_plan():
    assert derive([], "UTC", NOW) == FREE


def test_a_month_lasts_to_the_end_of_the_same_day_of_the_next_one():
    given_ = datetime(2026, 10, 17, 15, 30, tzinfo=UTC)
    state = derive([grant(months=1, at=given_)], "Europe/Lisbon", given_)
    # Clocks go back in between: midnight of 18 November is 00:00 UTC in Lisbon, that of 18 October was 23:00.
    assert state == PlanState(Plan.PAID, "comped", datetime(2026, 11, 18, 0, 0, tzinfo=UTC))


def test_a_month_from_the_last_of_january_ends_with_the_last_of_february_and_two_with_the_last_of_march():
    at = datetime(2026, 1, 31, 9, tzinfo=UTC)
    one, two = grant(1, 1, at), grant(2, 1, at + timedelta(days=9))
    assert derive([one], "UTC", at).ends_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert derive([one, two], "UTC", at).ends_at == datetime(2026, 4, 1, tzinfo=UTC)


def test_months_wait_behind_a_plan_without_an_end_and_run_once_it_is_ended():
    base = grant(1, None, NOW - timedelta(days=400), source="stripe")
    months = grant(2, 2, NOW, source="reward")
    assert derive([base, months], "UTC", NOW) == PlanState(Plan.PAID, "stripe", None)
    assert [span.grant_id for span in lay_out([base, months], "UTC")] == [1]
    ended = grant(1, None, NOW - timedelta(days=400), source="stripe", revoked=datetime(2027, 5, 3, 12, tzinfo=UTC))
    assert derive([ended, months], "UTC", datetime(2027, 5, 3, 12, tzinfo=UTC)) == PlanState(
        Plan.PAID, "reward", datetime(2027, 7, 4, tzinfo=UTC)
    )


def test_revoking_the_one_that_runs_moves_up_what_comes_after_it():
    first = grant(1, 3, datetime(2026, 1, 10, 9, tzinfo=UTC), revoked=datetime(2026, 2, 1, 18, tzinfo=UTC))
    second = grant(2, 1, datetime(2026, 1, 20, 9, tzinfo=UTC), source="reward")
    spans = {span.grant_id: (span.starts_at, span.ends_at) for span in lay_out([first, second], "UTC")}
    assert spans[1][1] == spans[2][0] == datetime(2026, 2, 1, 18, tzinfo=UTC)
    assert spans[2][1] == datetime(2026, 3, 2, tzinfo=UTC)


def test_revoking_one_that_has_ended_changes_nothing_that_follows():
    first = grant(1, 1, datetime(2026, 1, 10, 9, tzinfo=UTC))
    second = grant(2, 1, datetime(2026, 1, 20, 9, tzinfo=UTC))
    late = grant(1, 1, datetime(2026, 1, 10, 9, tzinfo=UTC), revoked=datetime(2026, 2, 20, tzinfo=UTC))
    assert lay_out([late, second], "UTC") == lay_out([first, second], "UTC")


@given(grants(), ZONES, instants, st.randoms(use_true_random=False))
def test_the_order_in_which_grants_are_read_does_not_matter(given_, zone, now, random):
    shuffled = list(given_)
    random.shuffle(shuffled)
    assert derive(shuffled, zone, now) == derive(given_, zone, now)


@given(grants(), ZONES, instants)
def test_somebody_is_paid_exactly_while_something_runs_and_the_end_is_its_end(given_, zone, now):
    spans, state = lay_out(given_, zone), derive(given_, zone, now)
    running = [one for one in spans if one.starts_at <= now and (one.ends_at is None or one.ends_at > now)]
    assert (state.plan is Plan.PAID) == bool(running)
    if state.plan is Plan.FREE:
        assert state == FREE
        return
    assert any(one.ends_at == state.ends_at and one.source == state.source for one in spans)
    if state.ends_at is not None:
        assert state.ends_at > now
        assert derive(given_, zone, state.ends_at - timedelta(milliseconds=1)).plan is Plan.PAID
        assert derive(given_, zone, state.ends_at).plan is Plan.FREE


@given(grants(), ZONES, instants)
def test_months_never_run_while_another_grant_that_was_there_before_them_does(given_, zone, now):
    order = {one.id: (one.granted_at, one.id) for one in given_}
    stacked = {one.id for one in given_ if one.months}
    spans = lay_out(given_, zone)
    for span in spans:
        if span.grant_id in stacked:
            before = [one for one in spans if order[one.grant_id] < order[span.grant_id]]
            assert not any(
                one.starts_at <= span.starts_at and (one.ends_at is None or one.ends_at > span.starts_at)
                for one in before
            )


@given(grants(revocable=False), st.integers(1, 14), ZONES)
def test_one_more_grant_never_takes_paid_time_away(given_, months, zone):
    latest = max((one.granted_at for one in given_), default=NOW)
    before = derive(given_, zone, latest)
    after = derive([*given_, grant(99, months, latest, source="gifted")], zone, latest)
    assert after.plan is Plan.PAID
    if before.plan is Plan.PAID:
        assert after.ends_at is None if before.ends_at is None else after.ends_at >= before.ends_at + timedelta(days=27)


@given(st.lists(st.integers(1, 14), min_size=1, max_size=6), instants, ZONES)
def test_months_in_a_row_are_as_long_as_all_of_them_at_once(months, at, zone):
    apart = [grant(number, one, at) for number, one in enumerate(months)]
    assert derive(apart, zone, at).ends_at == derive([grant(months=sum(months), at=at)], zone, at).ends_at
    spans = lay_out(apart, zone)
    assert all(one.ends_at == other.starts_at for one, other in pairwise(spans))
    assert len(spans) == len(months)


@given(grants(revocable=False), ZONES, instants)
def test_whoever_has_everything_revoked_is_free_at_that_moment(given_, zone, now):
    revoked = [Grant(*_fields(one)[:7], now, "") for one in given_]
    assert derive(revoked, zone, now) == FREE


@given(instants, ZONES)
def test_a_day_ends_at_its_own_midnight_in_the_zone_and_has_all_of_it(at, zone):
    end = end_of_day(at, zone)
    assert at < end
    assert end - at <= timedelta(hours=25)
    assert end == day_after(wall_time(at, zone).date(), zone)
    assert wall_time(end - timedelta(milliseconds=1), zone).date() == wall_time(at, zone).date()


@pytest.mark.parametrize("months", [120, 100_000])
def test_more_months_than_a_calendar_holds_end_with_it(months):
    assert derive([grant(months=months)], "Pacific/Kiritimati", NOW).ends_at <= day_after(date(9000, 12, 31), "UTC")


def _fields(one):
    return (one.id, one.key, one.source, one.months, one.starts_at, one.ends_at, one.granted_at)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Lisbon", "America/Havana"])
def test_a_month_that_was_given_at_the_stroke_of_midnight_is_no_shorter_than_one_given_a_moment_later(zone):
    midnight = day_after(date(2026, 2, 28), zone)
    at_once, later = (derive([grant(months=1, at=at)], zone, at) for at in (midnight, midnight + timedelta(seconds=1)))
    assert at_once.ends_at == later.ends_at == day_after(date(2026, 4, 1), zone)
