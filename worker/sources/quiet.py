"""The quiet rules of follow-ups: `[followups]` in `content/publication.toml`."""

from __future__ import annotations

import re
from datetime import timedelta

from worker.domain.quiet import Night, QuietRules
from worker.sources.files import Toml, hour

_MOST_HOURS = 24 * 14


def read_quiet(source: Toml) -> QuietRules:
    """The publication's rules; the usual ones for whatever is left away."""
    table = source.table("followups")
    source.only(table, {"hours_from_issue", "hours_between", "night", "per_week"}, "followups.")
    usual = QuietRules()
    return QuietRules(
        from_issue=_hours(source, "hours_from_issue", usual.from_issue),
        between=_hours(source, "hours_between", usual.between),
        night=_night(source, usual.night),
        per_week=_number(source, "per_week", usual.per_week, 100, "3, or 0 for no limit"),
    )


def _hours(source: Toml, key: str, usual: timedelta) -> timedelta:
    return timedelta(hours=_number(source, key, usual // timedelta(hours=1), _MOST_HOURS, "12, or 0 for none"))


def _number(source: Toml, key: str, usual: int, most: int, example: str) -> int:
    value = source.table("followups").get(key, usual)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise source.wrong(f"followups.{key}", f"is no whole number from 0 to {most}", f"write {key} = {example}")
    return value


def _night(source: Toml, usual: Night) -> Night:
    written = source.string("night", f"{usual.begins:%H:%M}-{usual.ends:%H:%M}", within="followups")
    begins, _, ends = re.sub(r"\s", "", written).partition("-")
    first, last = hour(begins), hour(ends)
    if written == "none":
        return Night(usual.begins, usual.begins)
    if first is None or last is None:
        fix = 'write night = "21:00-08:00", or night = "none"'
        raise source.wrong("followups.night", f"is no span of hours: {written!r}", fix)
    return Night(first, last)
