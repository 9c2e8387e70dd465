"""Wall times and zones. The hour an author writes is kept as wall time + IANA zone; this turns it into an instant.

One stated meaning for the two odd hours of a year: a wall time that does not exist (clocks go forward) means
the instant as far after the gap's start as it was written (02:30 becomes 03:30); one that exists twice
(clocks go back) means the first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def zone_exists(zone: str) -> bool:
    """Whether `zone` is an IANA zone name this machine (or the tzdata package) knows."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


def instant(wall: datetime, zone: str) -> datetime:
    """The UTC instant of a naive wall time in a zone (`fold` is ignored: the first of two).

    zoneinfo reads a missing wall time with fold=0 by the offset before the gap, which is just the meaning above.
    """
    if wall.tzinfo is not None:
        raise ValueError("a wall time has no offset")
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def wall_time(at: datetime, zone: str) -> datetime:
    """The naive wall time an instant has in a zone."""
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
