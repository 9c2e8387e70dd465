"""Quiet rules: when a follow-up may not go although it is due: near an issue, near another follow-up, at night, too many.

Pure. A moment that is not allowed becomes the first one that is, by all rules at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum

from worker.domain.calendar import instant, wall_time
from worker.domain.timing import EVERY_DAY


class Quiet(StrEnum):
    """Why a step was put off."""

    ISSUE = "near_issue"
    FOLLOWUP = "near_followup"
    WEEK = "week_full"
    NIGHT = "night"
    DAY = "weekday"  # put off into a day its `when` does not name


@dataclass(frozen=True, slots=True)
class Night:
    """From one hour of the wall clock to another, mostly over midnight. Two equal hours: there is no night."""

    begins: time = time(21)
    ends: time = time(8)


@dataclass(frozen=True, slots=True)
class QuietRules:
    """`[followups]` of publication.toml. `per_week`: at most so many to one reader in seven days; 0: no limit."""

    from_issue: timedelta = timedelta(hours=12)
    between: timedelta = timedelta(hours=24)
    night: Night = field(default_factory=Night)
    per_week: int = 3


@dataclass(frozen=True, slots=True)
class Near:
    """What one reader got or will get: hours of issues, past or planned, and of follow-ups. `zone` is theirs or the author's.

    `days` are the weekdays a step names, on the clock of `days_zone`.
    """

    zone: str
    issues: Sequence[datetime] = ()
    followups: Sequence[datetime] = ()
    days: frozenset[int] = EVERY_DAY
    days_zone: str = "UTC"


WEEK = timedelta(days=7)
_TURNS = 400  # more than any chain of putting off needs that ends within a year


def first_allowed(at: datetime, near: Near, rules: QuietRules) -> tuple[datetime, Quiet | None]:
    """The first moment from `at` on that every rule allows, and the first rule that did not allow `at`."""
    why: Quiet | None = None
    for _turn in range(_TURNS):
        refused = next(_refusals(at, near, rules), None)
        if refused is None:
            return at, why
        at, why = refused[0], why or refused[1]
    return at, why  # an author who allows nothing: far enough away to be past any step's time


def _refusals(at: datetime, near: Near, rules: QuietRules) -> Iterator[tuple[datetime, Quiet]]:
    """What refuses this moment, each with the first later one that it would not refuse."""
    for hour in near.issues:
        if abs(at - hour) < rules.from_issue:
            yield hour + rules.from_issue, Quiet.ISSUE
    for sent in near.followups:
        if abs(at - sent) < rules.between:
            yield sent + rules.between, Quiet.FOLLOWUP
    recent = sorted(sent for sent in near.followups if at - WEEK < sent <= at)
    if rules.per_week and len(recent) >= rules.per_week:
        yield recent[-rules.per_week] + WEEK, Quiet.WEEK
    wall = wall_time(at, near.zone)
    if (morning := _morning(wall, rules.night)) is not None:
        yield _after(morning, near.zone, at), Quiet.NIGHT
    if near.days != EVERY_DAY and (wall := wall_time(at, near.days_zone)).weekday() not in near.days:
        # The hour it had has been given up already; the night says how early on the next day it may go.
        yield _after(datetime.combine(wall.date() + timedelta(days=1), time()), near.days_zone, at), Quiet.DAY


def _morning(wall: datetime, night: Night) -> datetime | None:
    """When the night ends in which this is; None by day."""
    hour = wall.time()
    if night.begins < night.ends:
        return datetime.combine(wall.date(), night.ends) if night.begins <= hour < night.ends else None
    if night.begins == night.ends or night.ends <= hour < night.begins:
        return None
    return datetime.combine(wall.date() + timedelta(days=hour >= night.begins), night.ends)


def _after(wall: datetime, zone: str, at: datetime) -> datetime:
    """The wall time's instant; a little later where clocks that are put back would make it no later than `at`."""
    found = instant(wall, zone)
    return found if found > at else at + timedelta(minutes=1)
