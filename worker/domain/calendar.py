"""Wall times and zones. The hour an author writes is kept as wall time + IANA zone; this turns it into an instant.

One stated meaning for the two odd hours of a year: a wall time that does not exist (clocks go forward) means
the instant as far after the gap's start as it was written (02:30 becomes 03:30); one that exists twice
(clocks go back) means the first.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo


def zone_exists(zone: str) -> bool:
    """Whether `zone` is an IANA zone name this machine (or the tzdata package) knows."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


@lru_cache(maxsize=2_000)
def usable(zone: str) -> str:
    """A reader's zone as it is written, or an empty string where nobody knows it."""
    return zone if zone and zone_exists(zone) else ""


def instant(wall: datetime, zone: str) -> datetime:
    """The UTC instant of a naive wall time in a zone (`fold` is ignored: the first of two).

    zoneinfo reads a missing wall time with fold=0 by the offset before the gap, which is just the meaning above.
    """
    if wall.tzinfo is not None:
        raise ValueError("a wall time has no offset")
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def wall_time(at: datetime, zone: str) -> datetime:
    """The naive wall time an instant has in a zone; within a day of the calendar's two ends, where there may be none, UTC's."""
    try:
        return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    except OverflowError:
        return at.astimezone(UTC).replace(tzinfo=None)


def oddity(wall: datetime, zone: str) -> str:
    """What is odd about a wall time where clocks change, as a sentence's end; empty for an ordinary one."""
    meant = wall_time(instant(wall, zone), zone)
    if meant != wall:
        return f"{wall:%H:%M} does not exist that day in {zone}; it goes at {meant:%H:%M}"
    if wall.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC) != instant(wall, zone):
        return f"{wall:%H:%M} comes twice that day in {zone}; it goes the first time"
    return ""


#: Of what an author writes: far enough from both ends of what datetime knows, in every zone and some weeks on either side.
YEARS = range(1970, 9001)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def parse_wall(words: str, now: datetime) -> datetime:
    """The next wall time that `monday 07:00`, `tomorrow 07:00`, `07:00` or `2026-11-30 07:00` means after `now` (naive).

    Raises ValueError with one sentence for anything else, and for a date that has passed.
    """
    found = _parse(words, now)
    if found.year not in YEARS:
        raise ValueError(f"{words!r} is too far away")
    return found


def _parse(words: str, now: datetime) -> datetime:
    day, _, hour = words.strip().lower().replace("t", " ", 1 if words[:1].isdigit() else 0).rpartition(" ")
    at = _time(hour)
    if at is None:
        raise ValueError(f"{words!r} is no time; write monday 07:00, tomorrow 07:00, 07:00 or 2026-11-30 07:00")
    if day == "":
        found = datetime.combine(now.date(), at)
        return found if found > now else found + timedelta(days=1)
    if day == "tomorrow":
        return datetime.combine(now.date() + timedelta(days=1), at)
    if day == "today":
        day = now.date().isoformat()
    if day in _WEEKDAYS:
        found = datetime.combine(now.date() + timedelta(days=(_WEEKDAYS.index(day) - now.weekday()) % 7), at)
        return found if found > now else found + timedelta(days=7)
    try:
        found = datetime.combine(date.fromisoformat(day), at)
    except ValueError:
        raise ValueError(f"{day!r} is no day; write a weekday, today, tomorrow or a date such as 2026-11-30") from None
    if found <= now:
        raise ValueError(f"{words!r} has passed; leave --at away to send now")
    return found


def _time(words: str) -> time | None:
    """A time of day to the minute; None for anything else, and for one with an offset of its own."""
    try:
        at = time.fromisoformat(words)
    except ValueError:
        return None
    return at.replace(second=0, microsecond=0) if at.tzinfo is None else None
