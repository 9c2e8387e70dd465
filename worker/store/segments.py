"""Segments as SQL: a rule becomes a condition on `subscribers`, and an audience's name becomes a rule.

A condition says whom the rule picks and nothing more: who of them may be mailed is the ledger's eligibility.
"""

from __future__ import annotations

from typing import assert_never

from sqlalchemy import ColumnElement, and_, exists, false, not_, or_, true

from worker.domain.publication import Publication
from worker.domain.segment import EVERYONE, All, Any, HasPlan, HasTag, Not, Rule
from worker.domain.subscriber import Plan
from worker.errors import UsageError
from worker.store.tables import subscriber_tags, subscribers

#: Audiences every publication has; its own segments may not take these names.
BUILT_IN: dict[str, Rule] = {"everyone": EVERYONE, "paid": HasPlan(Plan.PAID), "free": HasPlan(Plan.FREE)}


def where(rule: Rule) -> ColumnElement[bool]:
    """The condition that holds for the rows of `subscribers` which the rule picks; never NULL, so `not` is safe."""
    match rule:
        case HasPlan(plan):
            return subscribers.c.plan == plan
        case HasTag(tag):
            return exists().where(subscriber_tags.c.subscriber_id == subscribers.c.id, subscriber_tags.c.tag == tag)
        case All(rules):
            return and_(true(), *(where(part) for part in rules))
        case Any(rules):
            return or_(false(), *(where(part) for part in rules))
        case Not(part):
            return not_(where(part))
        case _:
            assert_never(rule)


def audience_rule(name: str, publication: Publication) -> Rule:
    """The rule of an audience: everyone, paid, free, or a segment of `content/publication.toml`.

    Raises UsageError for a name nobody gave, listing those there are.
    """
    rule = BUILT_IN.get(name) or publication.segments.get(name)
    if rule is None:
        known = ", ".join([*BUILT_IN, *sorted(publication.segments)])
        raise UsageError(
            f'no audience is called "{name}"',
            fix=f"use one of {known}, or write the segment {name} in content/publication.toml",
        )
    return rule
