"""The rules of a step: `only_if` and `stop_if`, segments' rules looked at when it falls due and again just before its call.

A mailing keeps them as JSON, so that the last look needs no file of the author's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from worker.domain.segment import (
    RULES_MOST,
    All,
    Any,
    Converted,
    Day,
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
    parse_rule,
)


@dataclass(frozen=True, slots=True)
class StepRules:
    """`only_if` not met: the step is skipped. `stop_if` met: the reader leaves the sequence. None: no such rule."""

    only_if: Rule | None = None
    stop_if: Rule | None = None


NO_RULES = StepRules()
_KEPT_MOST = 2 * RULES_MOST  # an author's own, and what one that counts from `almost` has built in


def one_friend_short(thresholds: Iterable[int], only_if: Rule | None = None) -> Rule:
    """Who is exactly one friend short of one of these numbers, and whom the other rule means too.

    Every step that counts from `almost` has it built in: "one more, and it is yours" is wrong as soon as that one has come.
    """
    short = Any(tuple(All((ReferredAtLeast(most - 1), ReferredAtMost(most - 1))) for most in sorted(set(thresholds))))
    return short if only_if is None else All((short, only_if))


def read_step_rule(source: object, zone: str, named: Mapping[str, Rule]) -> Rule:
    """A rule as a step writes it: the segments' language, in which a word alone is a segment's name.

    Numbers may be text (front matter is read so). Raises ValueError with one sentence.
    """
    return parse_rule(_resolved(source, named), zone)


def dump_rules(rules: StepRules, zone: str) -> str | None:
    """As JSON for a mailing; None where there are none."""
    if rules == NO_RULES:
        return None
    both = {"only_if": rules.only_if, "stop_if": rules.stop_if}
    return json.dumps({"zone": zone, **{key: _written(rule) for key, rule in both.items() if rule is not None}})


def load_rules(text: str | None) -> StepRules:
    """What `dump_rules` wrote."""
    if text is None:
        return NO_RULES
    kept = json.loads(text)
    both = (parse_rule(kept[key], kept["zone"], _KEPT_MOST) if key in kept else None for key in ("only_if", "stop_if"))
    return StepRules(*both)


def _resolved(source: object, named: Mapping[str, Rule]) -> object:
    """The same with every segment's name replaced by its rule, and numbers made numbers."""
    if isinstance(source, str):
        if (rule := named.get(source.strip())) is None:
            raise ValueError(f"no segment is called {source!r}; there are {', '.join(sorted(named))}")
        return _written(rule)
    if not isinstance(source, Mapping) or len(source) != 1:
        return source
    word, value = next(iter(source.items()))
    if word == "not":
        return {word: _resolved(value, named)}
    if word in ("all", "any") and isinstance(value, list | tuple):
        return {word: [_resolved(part, named) for part in value]}
    if str(word).startswith("referrals_") and isinstance(value, str) and value.strip().isdecimal():
        return {word: int(value)}
    return source


def _written(rule: Rule) -> dict[str, object]:
    match rule:
        case HasPlan(plan):
            return {"plan": plan.value}
        case HasTag(tag):
            return {"tag": tag}
        case JoinedBefore(day, _):
            return {"joined_before": _day(day)}
        case JoinedAfter(day, _):
            return {"joined_after": _day(day)}
        case ReferredAtLeast(friends):
            return {"referrals_at_least": friends}
        case ReferredAtMost(friends):
            return {"referrals_at_most": friends}
        case LivesIn(country):
            return {"country": country}
        case Speaks(language):
            return {"language": language}
        case Converted(launch_id):
            return {"converted": launch_id}
        case All(rules):
            return {"all": [_written(part) for part in rules]}
        case Any(rules):
            return {"any": [_written(part) for part in rules]}
        case Not(part):
            return {"not": _written(part)}
        case _:
            assert_never(rule)


def _day(day: Day) -> str:
    return day.isoformat() if isinstance(day, date) else f"{day.days} days ago"
