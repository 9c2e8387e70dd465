"""A segment's rule in words, as a command shows it. Says nothing about whom it picks."""

from __future__ import annotations

from typing import assert_never

from worker.domain.segment import (
    All,
    Any,
    Converted,
    Day,
    DaysAgo,
    HasPlan,
    HasTag,
    JoinedAfter,
    JoinedBefore,
    LivesIn,
    Not,
    ReferredAtLeast,
    ReferredAtMost,
    Rule,
    Speaks,
)


def describe(rule: Rule) -> str:
    """One line: `plan paid and (tag "producer" or country PT)`."""
    match rule:
        case HasPlan(plan):
            return f"plan {plan}"
        case HasTag(tag):
            return f'tag "{tag}"'
        case JoinedBefore(day, _):
            return f"joined before {_day(day)}"
        case JoinedAfter(day, _):
            return f"joined after {_day(day)}"
        case ReferredAtLeast(friends):
            return f"at least {_friends(friends)} brought"
        case ReferredAtMost(friends):
            return f"at most {_friends(friends)} brought"
        case LivesIn(country):
            return f"country {country}"
        case Speaks(language):
            return f"language {language}"
        case Converted(launch_id):
            return f"converted in {launch_id}"
        case All((ReferredAtLeast(least), ReferredAtMost(most))) if least == most:
            return f"exactly {_friends(most)} brought"
        case All(rules):
            return " and ".join(map(_within, rules)) or "everybody"
        case Any(rules):
            return " or ".join(map(_within, rules)) or "nobody"
        case Not(part):
            return f"not {_within(part)}"
        case _:
            assert_never(rule)


def _within(rule: Rule) -> str:
    several = isinstance(rule, All | Any) and len(rule.rules) > 1
    return f"({describe(rule)})" if several else describe(rule)


def _day(day: Day) -> str:
    if isinstance(day, DaysAgo):
        return f"{day.days} {'day' if day.days == 1 else 'days'} ago"
    return day.isoformat()


def _friends(number: int) -> str:
    return f"{number:,} {'friend' if number == 1 else 'friends'}"
