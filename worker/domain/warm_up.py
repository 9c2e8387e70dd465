"""Warm-up: how many messages a new IP address or domain may send on each of its first days. Pure; the day is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from worker.domain.calendar import instant, wall_time

#: SendGrid's own schedule for IP addresses it warms up, messages an hour on each day from the first, as SendGrid's
#: Japanese documentation repeats it; Twilio's own page was not at hand. A letter leaves at once, so here a whole day gets
#: what SendGrid lets through in one hour: then nothing has to wait there, where it would expire after 72 hours.
_SENDGRID = (
    *(20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810, 1_000, 1_587, 2_222, 3_111, 4_356, 6_098, 8_583),
    *(11_953, 16_734, 23_427, 32_798, 45_917, 64_284, 89_998, 125_997, 176_395, 246_953, 345_735, 484_029, 677_640),
)

#: Plans by name, as `[warm_up] plan = "..."` names them.
PLANS: Mapping[str, tuple[int, ...]] = {"sendgrid": _SENDGRID}


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The first day, and the most messages of each day from it on; after the last there is no limit."""

    started: date
    daily: tuple[int, ...]

    def maximum_on(self, day: date) -> int | None:
        """The most messages of a day; None where there is no limit: before the first day and after the last."""
        number = (day - self.started).days
        return self.daily[number] if 0 <= number < len(self.daily) else None

    def days_for(self, messages: int, first: date, left_today: int | None = None) -> int:
        """On how many days, from `first` on, so many messages go out; `left_today` is what is left of the first."""
        day, days = first, 0
        while messages > 0:
            maximum = self.maximum_on(day)
            if maximum is None:
                return days + 1
            messages -= maximum if days or left_today is None else max(0, min(left_today, maximum))
            days += 1
            day += timedelta(days=1)
        return max(1, days)


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day of a zone, and the instants between which it lies."""

    on: date
    begins: datetime
    ends: datetime


def day_of(now: datetime, zone: str) -> Day:
    """The calendar day an instant falls on in a zone. It may last 23 or 25 hours."""
    on = wall_time(now, zone).date()
    after = on + timedelta(days=1)
    begins, ends = (instant(datetime.combine(one, time()), zone) for one in (on, after))
    return Day(on, begins, ends)
