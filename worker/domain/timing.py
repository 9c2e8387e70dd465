"""The sentence `when` of a step: what it counts from, how long after or before, at which hour, on which days.

    when: at opens
    when: 1 day before closes, at 09:00
    when: 3 days after confirmed, at 09:00 their time, on weekdays
    when: at once after milestone hat

Reads and writes the sentence; which moment it means is worker/domain/sequence.py's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum


class Anchor(StrEnum):
    """What a step may count from."""

    OPENS = "opens"  # a launch opens
    CLOSES = "closes"
    CONFIRMED = "confirmed"  # the reader confirmed
    VERIFIED = "verified"  # a friend they brought counts
    ALMOST = "almost"  # one friend more, and they reach a milestone
    MILESTONE = "milestone"  # they reached one
    PAID = "paid"  # their plan became paid
    ISSUE = "issue"  # an issue went to them


class Unit(StrEnum):
    """Minutes and hours pass; days and weeks are turned on a calendar."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"


OF_LAUNCHES = (Anchor.OPENS, Anchor.CLOSES)
NAMED = (Anchor.MILESTONE, Anchor.ALMOST, Anchor.ISSUE)  # these may, and an issue must, say which one
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = frozenset(range(7))
FARTHEST = timedelta(days=400)

_SETS = {"weekdays": frozenset(range(5)), "weekends": frozenset({5, 6})}
_AT_ANCHOR = re.compile(r"at (opens|closes)")
_AT_ONCE = re.compile(r"at once after (.+)")
_SPAN = re.compile(r"(\d{1,6}) (minute|hour|day|week)s? (after|before) (.+)")
_ANCHOR = re.compile(rf"({'|'.join(Anchor)})(?: ([A-Za-z0-9][A-Za-z0-9._-]{{0,63}}))?")
_HOUR = re.compile(r"at (\d{1,2}):(\d\d)( their time)?")
_EXAMPLE = "write for example: 3 days after confirmed, at 09:00 their time, on weekdays"


@dataclass(frozen=True, slots=True)
class Timing:
    """When a step falls due. `which`: the id of the milestone or issue; empty: any.

    `at`: the hour of that day, only beside days and weeks; None: the hour of the anchor. `theirs`: on the reader's clock
    where it is known, else on the author's. `days`: the weekdays allowed, 0 is Monday.
    """

    anchor: Anchor
    amount: int = 0
    unit: Unit = Unit.DAYS
    before: bool = False
    which: str = ""
    at: time | None = None
    theirs: bool = False
    days: frozenset[int] = EVERY_DAY

    @property
    def source(self) -> tuple[str, str]:
        """What it counts from; the steps of one sequence agree in this. The two ends of a launch are one."""
        return ("launch", "") if self.anchor in OF_LAUNCHES else (self.anchor.value, self.which)

    @property
    def elapsed(self) -> timedelta | None:
        """The time that passes, of minutes and hours alone."""
        if self.unit is Unit.MINUTES:
            return timedelta(minutes=self.amount)
        return timedelta(hours=self.amount) if self.unit is Unit.HOURS else None

    @property
    def calendar_days(self) -> int:
        """The days to turn on the calendar, of days and weeks alone."""
        return self.amount * {Unit.DAYS: 1, Unit.WEEKS: 7}.get(self.unit, 0)

    def __str__(self) -> str:
        """The sentence, written in the one way: `parse_when` reads it back the same."""
        anchor = f"{self.anchor.value} {self.which}".strip()
        unit = self.unit.value.removesuffix("s") if self.amount == 1 else self.unit.value
        side = "before" if self.before else "after"
        if self.amount == 0 and self.at is None:
            parts = [f"at once after {anchor}" if self.anchor is not Anchor.OPENS else "at opens"]
        else:
            parts = [f"{self.amount} {unit} {side} {anchor}"]
        if self.at is not None:
            parts.append(f"at {self.at:%H:%M}{' their time' if self.theirs else ''}")
        if self.days != EVERY_DAY:
            named = next((name for name, days in _SETS.items() if days == self.days), "")
            parts.append(f"on {named or ' or '.join(WEEKDAYS[day] for day in sorted(self.days))}")
        return ", ".join(parts)


def parse_when(words: str) -> Timing:
    """The timing a sentence means. Raises ValueError with one sentence, the way out included, for anything else."""
    first, *rest = (" ".join(part.split()) for part in words.split(","))
    anchor, which, amount, unit, before = _count(first)
    at: time | None = None
    theirs, days = False, EVERY_DAY
    for part in rest:
        if part.startswith("on ") and days == EVERY_DAY:
            days = _days(part)
        elif (found := _HOUR.fullmatch(part.lower())) and at is None:
            at, theirs = _hour(found), bool(found[3])
        else:
            raise ValueError(f"{part!r} is neither an hour nor days; {_EXAMPLE}")
    if at is not None and unit not in (Unit.DAYS, Unit.WEEKS):
        raise ValueError(f"an hour goes with days or weeks, not with {unit.value}; {_EXAMPLE}")
    if at is not None and first.lower().startswith("at "):
        raise ValueError(f"{first!r} has its moment; with an hour, write: 0 days after ..., at {at:%H:%M}")
    return Timing(anchor, amount, unit, before, which, at, theirs, days)


def _count(words: str) -> tuple[Anchor, str, int, Unit, bool]:
    lower = words.lower()
    if lower == "at closes":
        raise ValueError("at the close nothing goes any more; write for example: 1 day before closes, at 09:00")
    if found := _AT_ANCHOR.fullmatch(lower):
        return Anchor(found[1]), "", 0, Unit.DAYS, False
    if found := _AT_ONCE.fullmatch(lower):
        return (*_anchor(words[found.start(1) :]), 0, Unit.DAYS, False)
    found = _SPAN.fullmatch(lower)
    if found is None:
        raise ValueError(f"{words!r} is no moment; {_EXAMPLE}")
    amount, unit, before = int(found[1]), Unit(f"{found[2]}s"), found[3] == "before"
    anchor, which = _anchor(words[found.start(4) :])
    if before and anchor not in OF_LAUNCHES:
        raise ValueError(f"nobody can foresee {anchor.value}; count after it, not before")
    if before and amount == 0:
        raise ValueError("nothing goes 0 before; write 1 or more")
    if timedelta(**{unit.value: amount}) > FARTHEST:
        raise ValueError(f"{amount} {unit.value} is too far away; {FARTHEST.days} days is the most")
    return anchor, which, amount, unit if amount else Unit.DAYS, before


def _anchor(words: str) -> tuple[Anchor, str]:
    name, _, which = words.partition(" ")
    found = _ANCHOR.fullmatch(f"{name.lower()} {which}".strip())
    if found is None:
        raise ValueError(f"nothing is called {words!r}; count from one of: {', '.join(Anchor)}")
    anchor = Anchor(found[1])
    if which and anchor not in NAMED:
        raise ValueError(f"{anchor.value} stands alone, without {which!r}")
    if not which and anchor is Anchor.ISSUE:
        raise ValueError("issue needs the id of one; write for example: 5 days after issue should-you")
    return anchor, which


def _hour(found: re.Match[str]) -> time:
    if int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"{found[1]}:{found[2]} is no hour; write for example: at 09:00")
    return time(int(found[1]), int(found[2]))


def _days(words: str) -> frozenset[int]:
    names = words.lower().removeprefix("on ").split(" or ")
    days: set[int] = set()
    for name in names:
        one = name.strip()
        if one in _SETS:
            days |= _SETS[one]
        elif one in WEEKDAYS:
            days.add(WEEKDAYS.index(one))
        else:
            raise ValueError(f"{one!r} is no day; write on weekdays, or on monday or thursday")
    return frozenset(days)
