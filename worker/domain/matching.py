"""Matching: whether a rule picks one subscriber. Pure; worker/store/segments.py must say the same in SQL."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from worker.domain.segment import (
    All,
    Any,
    Converted,
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
    ascii_lower,
    begin_of,
    end_of,
)
from worker.domain.subscriber import Plan


@dataclass(frozen=True, slots=True)
class Traits:
    """What rules look at in one subscriber. `referrals` counts friends that are verified, `converted` are ids of launches."""

    plan: Plan
    joined_at: datetime
    tags: frozenset[str] = field(default_factory=frozenset)
    referrals: int = 0
    country: str = ""
    language: str = ""
    converted: frozenset[str] = field(default_factory=frozenset)


def matches(rule: Rule, traits: Traits, now: datetime) -> bool:
    """Whether the rule picks somebody with these traits; days ago are counted back from `now`."""
    match rule:
        case HasPlan(plan):
            return traits.plan is plan
        case HasTag(tag):
            return tag in traits.tags
        case JoinedBefore(day, zone):
            return traits.joined_at < begin_of(day, zone, now)
        case JoinedAfter(day, zone):
            return traits.joined_at >= end_of(day, zone, now)
        case ReferredAtLeast(friends):
            return traits.referrals >= friends
        case ReferredAtMost(friends):
            return traits.referrals <= friends
        case LivesIn(country):
            return ascii_lower(traits.country) == ascii_lower(country)
        case Speaks(language):
            tag, own = ascii_lower(language), ascii_lower(traits.language).replace("_", "-")
            return own == tag or own.startswith(f"{tag}-")
        case Converted(launch_id):
            return launch_id in traits.converted
        case All(rules):
            return all(matches(part, traits, now) for part in rules)
        case Any(rules):
            return any(matches(part, traits, now) for part in rules)
        case Not(part):
            return not matches(part, traits, now)
        case _:
            assert_never(rule)
