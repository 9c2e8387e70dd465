"""Warm-up plans: a maximum for each of the first days, and how many days a broadcast takes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from worker.domain.warm_up import PLANS, WarmUp, day_of

FIRST = date(2026, 12, 1)
PLAN = WarmUp(FIRST, (50, 100, 200))


@pytest.mark.parametrize(("days", "maximum"), [(-1, None), (0, 50), (1, 100), (2, 200), (3, None), (400, None)])
def test_each_day_of_the_plan_has_its_maximum_and_no_other_day_has_one(days, maximum):
    assert PLAN.maximum_on(FIRST + timedelta(days=days)) == maximum


@pytest.mark.parametrize(("readers", "days"), [(1, 1), (50, 1), (51, 2), (150, 2), (151, 3), (350, 3), (5_000, 4)])
def test_a_broadcast_takes_as_many_days_as_the_maxima_need(readers, days):
    assert PLAN.days_for(readers, FIRST) == days


def test_what_today_has_spent_already_counts():
    assert PLAN.days_for(100, FIRST, left_today=0) == 2
    assert PLAN.days_for(100, FIRST, left_today=50) == 2
    assert PLAN.days_for(120, FIRST, left_today=10) == 3


def test_outside_the_plan_a_broadcast_takes_a_day():
    assert PLAN.days_for(1_000_000, date(2027, 3, 1)) == 1


def test_the_named_plan_grows_every_day():
    assert list(PLANS["sendgrid"]) == sorted(set(PLANS["sendgrid"]))
    assert WarmUp(FIRST, PLANS["sendgrid"]).days_for(5_000, FIRST) == 14


def test_a_day_is_the_zones_and_may_have_25_hours():
    day = day_of(datetime(2026, 11, 1, 12, 0, tzinfo=UTC), "America/Denver")
    assert day.on == date(2026, 11, 1)
    assert day.ends - day.begins == timedelta(hours=25)
