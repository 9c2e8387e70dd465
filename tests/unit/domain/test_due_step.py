"""The decision about a due step, and the quiet rules, against a model that tries every minute."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.followups import LOUD
from worker.domain.calendar import wall_time
from worker.domain.due_step import Facts, PutOff, Send, Skip, Stop, decide
from worker.domain.quiet import WEEK, Near, Night, Quiet, QuietRules, first_allowed
from worker.domain.timing import EVERY_DAY

NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)  # a Wednesday
FAR = NOW + timedelta(days=6)
MINUTE = timedelta(minutes=1)
zones = st.sampled_from(sorted(available_timezones()))
whole_hours = st.integers(0, 30).map(lambda hours: timedelta(hours=hours))
quarters = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
rules = st.builds(QuietRules, whole_hours, whole_hours, st.builds(Night, quarters, quarters), st.integers(0, 4))
moments = st.integers(0, 2 * 365 * 24 * 4).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + n * timedelta(minutes=15))


def allowed(at, near, quiet):
    """The rules as a reader would say them."""
    hour = wall_time(at, near.zone).time()
    begins, ends = quiet.night.begins, quiet.night.ends
    asleep = begins <= hour < ends if begins < ends else begins != ends and (hour >= begins or hour < ends)
    week = [sent for sent in near.followups if at - WEEK < sent <= at]
    return (
        all(abs(at - hour) >= quiet.from_issue for hour in near.issues)
        and all(abs(at - sent) >= quiet.between for sent in near.followups)
        and not (quiet.per_week and len(week) >= quiet.per_week)
        and not asleep
        and (near.days == EVERY_DAY or wall_time(at, near.days_zone).weekday() in near.days)
    )


@st.composite
def situations(draw):
    at = draw(moments)
    around = st.integers(-40 * 4, 40 * 4).map(lambda n: at + n * timedelta(minutes=15))
    before = st.integers(0, 7 * 24 * 4).map(lambda n: at - n * timedelta(minutes=15))
    days = st.just(EVERY_DAY) | st.frozensets(st.integers(0, 6), min_size=3)
    near = Near(
        draw(zones), draw(st.lists(around, max_size=2)), draw(st.lists(before, max_size=4)), draw(days), draw(zones)
    )
    return at, near


@settings(max_examples=150)
@given(situations(), rules)
def test_a_step_that_may_not_go_goes_at_the_first_minute_at_which_all_rules_allow_it(situation, quiet):
    at, near = situation
    found, why = first_allowed(at, near, quiet)
    assert (why is None) == (found == at) == allowed(at, near, quiet)
    assert allowed(found, near, quiet)
    tried = at
    while not allowed(tried, near, quiet):
        tried += 15 * MINUTE
    # Where clocks are set by less than a quarter of an hour, or back into the night, the model steps over the moment.
    assert found <= tried
    assert tried - found < 15 * MINUTE


@given(situations(), rules, st.booleans(), st.booleans(), st.timedeltas(timedelta(hours=-3), timedelta(days=9)))
def test_what_is_decided_holds_when_it_is_looked_at_again(situation, quiet, only_if, paused, left):
    now, near = situation
    expires = now + left
    facts = Facts(near, only_if=only_if, paused=paused)
    match decide(facts, now, expires, quiet, now):
        case PutOff(until, why):
            assert now < until < expires
            again = Facts(near, only_if=only_if, paused=paused, put_off=why)
            assert decide(again, until, expires, quiet, until) == Send()
        case Send():
            assert now < expires and only_if and not paused and allowed(now, near, quiet)  # noqa: PT018
        case Skip(why):
            assert why == ("late" if now >= expires else "only_if" if not only_if else "paused" if paused else why)
        case Stop():
            pytest.fail("nothing says that the reader leaves")


NEAR = Near("UTC")


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        (Facts(NEAR), Send()),
        (Facts(NEAR, barred="unsubscribed", held=True, removed=True), Stop("unsubscribed")),
        (Facts(NEAR, stop_if=True, only_if=False), Stop("stop_if")),
        (Facts(NEAR, removed=True, held=True), Skip("removed")),
        (Facts(NEAR, passed=True), Skip("joined_later")),
        (Facts(NEAR, merged=True), Skip("merged")),
        (Facts(NEAR, closes=NOW), Skip("closed")),
        (Facts(NEAR, closes=NOW + MINUTE), Send()),
        (Facts(NEAR, grace=timedelta()), Send()),
        (Facts(NEAR, held=True, only_if=False), PutOff(FAR, "held")),
        (Facts(NEAR, returning=True, held=True), PutOff(FAR, "held")),
        (Facts(NEAR, returning=True, only_if=False, paused=True), PutOff(NOW + 5 * MINUTE, "returning")),
        (Facts(NEAR, returning=True, stop_if=True), Stop("stop_if")),
        (Facts(NEAR, only_if=False, paused=True), Skip("only_if")),
        (Facts(NEAR, paused=True), Skip("paused")),
    ],
)
def test_the_facts_decide_in_one_order(facts, decision):
    assert decide(facts, NOW, FAR, LOUD, NOW) == decision


def test_a_step_whose_moment_has_passed_is_skipped_with_what_kept_it():
    assert decide(Facts(NEAR), NOW - WEEK, NOW, LOUD, NOW) == Skip("late")
    assert decide(Facts(NEAR, put_off="held"), NOW, NOW, LOUD, NOW) == Skip("held")
    assert decide(Facts(NEAR, returning=True), NOW, NOW + MINUTE, LOUD, NOW) == PutOff(NOW + MINUTE, "returning")
    assert decide(Facts(NEAR, returning=True, put_off="returning"), NOW, NOW, LOUD, NOW) == Skip("returning")
    assert decide(Facts(NEAR, grace=MINUTE), NOW - 2 * MINUTE, FAR, LOUD, NOW) == Skip("late")
    close = Facts(Near("UTC", issues=[NOW]))
    assert decide(close, NOW, NOW + timedelta(hours=12), QuietRules(), NOW) == Skip(Quiet.ISSUE)
    until = datetime(2026, 11, 19, 8, tzinfo=UTC)  # twelve hours after the issue it is night
    assert decide(close, NOW, FAR, QuietRules(), NOW) == PutOff(until, Quiet.ISSUE)


def test_the_usual_rules_leave_a_day_between_and_three_a_week():
    sent = [NOW - timedelta(days=days) for days in (1, 3, 5)]
    assert first_allowed(NOW, Near("UTC", followups=sent[:2]), QuietRules()) == (NOW, None)
    assert first_allowed(NOW, Near("UTC", followups=sent), QuietRules()) == (NOW + timedelta(days=2), Quiet.WEEK)
    late = NOW.replace(hour=22)
    assert first_allowed(late, NEAR, QuietRules()) == (datetime(2026, 11, 19, 8, tzinfo=UTC), Quiet.NIGHT)
