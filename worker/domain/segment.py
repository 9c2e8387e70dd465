"""Segments: saved rules over subscribers. A rule is data; worker/store/segments.py turns it into a WHERE.

A new rule is one dataclass here, one line in `parse_rule`, and one case in worker/store/segments.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.subscriber import Plan


@dataclass(frozen=True, slots=True)
class HasPlan:
    """Subscribers with this plan."""

    plan: Plan


@dataclass(frozen=True, slots=True)
class HasTag:
    """Subscribers with this tag (compared as written, without surrounding blanks)."""

    tag: str


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


Rule = HasPlan | HasTag | All | Any | Not

EVERYONE: Rule = All(())


def parse_rule(source: object) -> Rule:
    """A rule from its TOML form: `{plan = "paid"}`, `{tag = "x"}`, `{all = [...]}`, `{any = [...]}`, `{not = {...}}`.

    Raises ValueError with one sentence that names what is wrong; the caller adds file and segment.
    """
    if not isinstance(source, Mapping) or len(source) != 1:
        raise ValueError(f"a rule is a table with one of plan, tag, all, any, not; this is {source!r}")
    word, value = next(iter(source.items()))
    match word, value:
        case "plan", str() if value in set(Plan):
            return HasPlan(Plan(value))
        case "plan", _:
            raise ValueError(f'plan is "free" or "paid", not {value!r}')
        case "tag", str() if value.strip():
            return HasTag(value.strip())
        case "all", list():
            return All(tuple(parse_rule(part) for part in value))
        case "any", list():
            return Any(tuple(parse_rule(part) for part in value))
        case "not", _:
            return Not(parse_rule(value))
    raise ValueError(f"no rule is written {word} = {value!r}; use plan, tag, all, any or not")
