"""Late: what happens to a mailing whose hour was missed. A decision, not an accident: nobody gets a "last call" days later.

Late is who has handed over nothing by the hour and the grace after it. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Late(StrEnum):
    """What becomes of a late mailing."""

    SEND = "send"  # it goes as soon as it can
    ASK = "ask"  # it is paused with the reason, and a person decides
    EXPIRE = "expire"  # it is cancelled with the reason, and nobody gets it


@dataclass(frozen=True, slots=True)
class Lateness:
    """A publication's rule: what happens, and how long after the hour a mailing is not late yet."""

    policy: Late = Late.ASK
    grace: timedelta = timedelta(hours=2)


_SPAN = re.compile(r"(\d{1,4})\s*(m|min|h|d)")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}


def parse_span(words: str) -> timedelta:
    """`90m`, `2h`, `1d`. Raises ValueError for anything else, and for nothing."""
    found = _SPAN.fullmatch(words.strip().lower())
    if found is None or not int(found[1]):
        raise ValueError(f"{words!r} is no length of time; write 90m, 2h or 1d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def missed_by(send_at: datetime, now: datetime) -> str:
    """How late it is, in words: `3 h 20 min`, `2 days 1 h`."""
    minutes = max(0, int((now - send_at).total_seconds() // 60))
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    parts = [f"{days} days" if days > 1 else "1 day"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{left} min"] if left and not days else []
    return " ".join(parts) or "less than a minute"
