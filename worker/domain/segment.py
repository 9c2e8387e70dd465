"""Segments: saved rules over subscribers. A rule is data; worker/store/segments.py turns it into a WHERE, and
worker/domain/matching.py says the same of one subscriber in plain Python.

A new rule is one dataclass here, one line in `parse_rule`, one case in matching.py and one in worker/store/segments.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from worker.domain.calendar import instant, wall_time
from worker.domain.subscriber import Plan

RULES_MOST = 200  # in one segment; SQLite takes no expression deeper than 1,000
DAYS_MOST = 36_500
_YEARS = range(1970, 3000)
_AGO = re.compile(r"(\d{1,5}) days? ago")


@dataclass(frozen=True, slots=True)
class DaysAgo:
    """The calendar day so many days before the one it is asked on."""

    days: int


Day = date | DaysAgo


@dataclass(frozen=True, slots=True)
class HasPlan:
    """Subscribers with this plan."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class HasTag:
    """Subscribers with this tag (compared as written, without surrounding blanks)."""

    tag: str


@dataclass(frozen=True, slots=True)
class JoinedBefore:
    """Subscribers who joined before that day began in `zone`."""

    day: Day
    zone: str


@dataclass(frozen=True, slots=True)
class JoinedAfter:
    """Subscribers who joined after that day had ended in `zone`."""

    day: Day
    zone: str


@dataclass(frozen=True, slots=True)
class ReferredAtLeast:
    """Subscribers who brought so many confirmed friends or more."""

    friends: int


@dataclass(frozen=True, slots=True)
class ReferredAtMost:
    """Subscribers who brought so many confirmed friends or fewer."""

    friends: int


@dataclass(frozen=True, slots=True)
class LivesIn:
    """Subscribers in this country, by its two letters (ISO 3166), upper or lower case. Whose is not known is not meant."""

    country: str


@dataclass(frozen=True, slots=True)
class Speaks:
    """Subscribers with this language or a form of it: `en` means `en-GB` too, `en-GB` not `en`. Upper or lower case."""

    language: str


@dataclass(frozen=True, slots=True)
class Converted:
    """Subscribers who applied to this launch, or bought."""

    launch_id: str


@dataclass(frozen=True, slots=True)
class All:
    """Subscribers whom every rule picks; no rule at all picks everybody."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Subscribers whom at least one rule picks; no rule at all picks nobody."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Subscribers whom the rule does not pick."""

    rule: Rule


Rule = (
    HasPlan
    | HasTag
    | JoinedBefore
    | JoinedAfter
    | ReferredAtLeast
    | ReferredAtMost
    | LivesIn
    | Speaks
    | Converted
    | All
    | Any
    | Not
)

EVERYONE: Rule = All(())

#: Audiences every publication has; its own segments may not take these names.
BUILT_IN: Mapping[str, Rule] = {"everyone": EVERYONE, "paid": HasPlan(Plan.PAID), "free": HasPlan(Plan.FREE)}

WORDS = (
    *("plan", "tag", "joined_before", "joined_after", "referrals_at_least", "referrals_at_most"),
    *("country", "language", "converted", "all", "any", "not"),
)


def begin_of(day: Day, zone: str, now: datetime) -> datetime:
    """The instant at which a day begins in a zone; days ago are counted back from the day it is there at `now`."""
    if isinstance(day, DaysAgo):
        day = wall_time(now, zone).date() - timedelta(days=day.days)
    return instant(datetime.combine(day, time()), zone)


def end_of(day: Day, zone: str, now: datetime) -> datetime:
    """The instant at which it ends, and the next one begins."""
    if isinstance(day, DaysAgo):
        return begin_of(DaysAgo(day.days - 1), zone, now)
    return begin_of(day + timedelta(days=1), zone, now)


def ascii_lower(text: str) -> str:
    """Lower case for A to Z and nothing else, as both databases have it."""
    return text.translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def parse_rule(source: object, zone: str = "UTC", most: int = RULES_MOST) -> Rule:
    """A rule from its TOML form: `{plan = "paid"}`, `{joined_before = "30 days ago"}`, `{all = [...]}`, and so on.

    Days are those of `zone`; `most` rules it may have. Raises ValueError with one sentence that names what is wrong; the caller adds file and segment.
    """
    return _parse(source, zone, [most])


def _parse(source: object, zone: str, left: list[int]) -> Rule:
    left[0] -= 1
    if left[0] < 0:
        raise ValueError(f"it has more than {RULES_MOST} rules; tag its readers instead")
    if not isinstance(source, Mapping) or len(source) != 1:
        raise ValueError(f"a rule is a table with one of {', '.join(WORDS)}; this is {source!r}")
    word, value = next(iter(source.items()))
    match word, value:
        case "plan", str() if value in set(Plan):
            return HasPlan(Plan(value))
        case "plan", _:
            raise ValueError(f'plan is "free" or "paid", not {value!r}')
        case "tag", str() if value.strip() and "\0" not in value:
            return HasTag(value.strip())
        case "joined_before", _:
            return JoinedBefore(_day(word, value), zone)
        case "joined_after", _:
            return JoinedAfter(_day(word, value), zone)
        case "referrals_at_least", _:
            return ReferredAtLeast(_count(word, value))
        case "referrals_at_most", _:
            return ReferredAtMost(_count(word, value))
        case "country", _:
            return LivesIn(_matching(word, value, r"[A-Za-z]{2}", 'two letters, such as "PT"').upper())
        case "language", _:
            return Speaks(_matching(word, value, r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", 'a tag such as "en" or "pt-BR"'))
        case "converted", _:
            return Converted(_matching(word, value, r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "the id of a launch"))
        case "all", list():
            return All(tuple(_parse(part, zone, left) for part in value))
        case "any", list():
            return Any(tuple(_parse(part, zone, left) for part in value))
        case "not", _:
            return Not(_parse(value, zone, left))
    raise ValueError(f"no rule is written {word} = {value!r}; use {', '.join(WORDS[:-1])} or {WORDS[-1]}")


def _day(word: str, value: object) -> Day:
    if isinstance(value, str):
        ago = _AGO.fullmatch(" ".join(value.split()).lower())
        if ago and int(ago[1]) <= DAYS_MOST:
            return DaysAgo(int(ago[1]))
        with suppress(ValueError):
            value = date.fromisoformat(value.strip())
    # A datetime is a date to Python, and says more than is meant here.
    if isinstance(value, date) and not isinstance(value, datetime) and value.year in _YEARS:
        return value
    raise ValueError(f'{word} is a day, such as 2026-01-31 or "30 days ago", not {_shown(value)}')


def _count(word: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000:
        return value
    raise ValueError(f"{word} is a whole number from 0 on, not {_shown(value)}")


def _matching(word: str, value: object, pattern: str, meant: str) -> str:
    if isinstance(value, str) and re.fullmatch(pattern, value.strip()):
        return value.strip()
    raise ValueError(f"{word} is {meant}, not {_shown(value)}")


def _shown(value: object) -> str:
    return str(value) if isinstance(value, date) else repr(value)
