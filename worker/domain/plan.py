"""Plans: what a subscriber pays for, derived from the list of what was given. Pure.

A grant either runs from one moment to another, or is a number of months that begin when what is there ends, so that months
stack. Paid time ends at the end of a day in the publication's zone: whoever has paid time on a day has all of that day.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from worker.domain.calendar import instant, wall_time
from worker.domain.subscriber import Plan

BOUGHT = ("", "stripe")  # sources of plans that an import brought: paid for, or not known how
GIVEN = ("comped", "gifted", "trial", "reward")
MONTHS_MOST = 120  # of one grant
LAST_DAY = date(9000, 12, 31)  # far enough from the last day that datetime knows, in every zone


@dataclass(frozen=True, slots=True)
class Grant:
    """One row of `grants`. `months` None: from `starts_at` to `ends_at` (None: without an end). Else `starts_at` is when it
    was given, and when it runs is found by `lay_out`. `revoked_at`: nothing of it counts from then on.
    """

    id: int
    key: str
    source: str
    months: int | None
    starts_at: datetime
    ends_at: datetime | None
    granted_at: datetime
    revoked_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """When a grant runs; `ends_at` None: without an end."""

    grant_id: int
    source: str
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlanState:
    """A plan at one moment. `source` is that of the grant which reaches furthest, `ends_at` where it reaches."""

    plan: Plan
    source: str = ""
    ends_at: datetime | None = None


FREE = PlanState(Plan.FREE)


def derive(grants: Iterable[Grant], zone: str, now: datetime) -> PlanState:
    """The plan somebody with these grants has at `now`, in whatever order they are given."""
    spans = lay_out(grants, zone)
    end = _covered_until(spans, now)
    if end == now:
        return FREE
    last = min((one for one in spans if one.ends_at == end), key=lambda one: (one.starts_at, one.grant_id))
    return PlanState(Plan.PAID, last.source, end)


def lay_out(grants: Iterable[Grant], zone: str) -> list[Span]:
    """When each grant runs, in the order they were given; those that never ran, or wait behind one without an end, are left out.

    Months in a row count from the day the first of them began, so that a month and a month are two months.
    """
    spans: list[Span] = []
    stacks: dict[datetime, tuple[date, int]] = {}  # where a stack ends -> the day it counts from, and its months
    for grant in sorted(grants, key=lambda one: (one.granted_at, one.id)):
        if grant.months is None:
            start, end = grant.starts_at, grant.ends_at
        else:
            begins = _covered_until(spans, grant.granted_at)
            if begins is None:
                continue
            own_day = wall_time(begins, zone).date() if begins == grant.granted_at else _last_day(begins, zone)
            day, before = stacks.get(begins) or (own_day, 0)
            start, end = begins, day_after(_add_months(day, before + grant.months), zone)
            if grant.revoked_at is None or grant.revoked_at >= end:
                stacks[end] = (day, before + grant.months)
        if grant.revoked_at is not None:
            end = grant.revoked_at if end is None else min(end, grant.revoked_at)
        if end is None or end > start:
            spans.append(Span(grant.id, grant.source, start, end))
    return spans


def end_of_day(at: datetime, zone: str) -> datetime:
    """The midnight that ends the day this moment lies in, in a zone."""
    return day_after(wall_time(at, zone).date(), zone)


def day_after(day: date, zone: str) -> datetime:
    """The midnight that ends a day in a zone."""
    return instant(datetime.combine(min(day, LAST_DAY) + timedelta(days=1), time()), zone)


def _covered_until(spans: Sequence[Span], at: datetime) -> datetime | None:
    """How far paid time reaches without a gap from `at` on; `at` itself where there is none, None where it has no end."""
    reach = at
    for span in sorted(spans, key=lambda one: one.starts_at):
        if span.starts_at > reach:
            break
        if span.ends_at is None:
            return None
        reach = max(reach, span.ends_at)
    return reach


def _last_day(at: datetime, zone: str) -> date:
    """The day before a midnight, else the day itself: months count from there."""
    day = wall_time(at, zone).date()
    return day - timedelta(days=1) if day_after(day - timedelta(days=1), zone) == at else day


def _add_months(day: date, months: int) -> date:
    """The same day so many months later, or the last one of a month that is too short for it."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > LAST_DAY.year:
        return LAST_DAY
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
