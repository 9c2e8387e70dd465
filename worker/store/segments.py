"""Segments as SQL: a rule becomes a condition on `subscribers`, and an audience's name becomes a rule.

A condition says whom the rule picks and nothing more: who of them may be mailed is the ledger's eligibility. It must pick
the same people as worker/domain/matching.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any as Anything
from typing import assert_never

from sqlalchemy import ColumnElement, Text, and_, exists, false, func, not_, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from worker.domain.publication import Publication
from worker.domain.referral import ReferralState
from worker.domain.segment import (
    BUILT_IN,
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
from worker.errors import UsageError
from worker.store.launches import is_converted
from worker.store.tables import referrals, subscriber_tags, subscribers


class _AsciiLower(FunctionElement[str]):
    """Lower case for A to Z alone, whatever the database's locale, as `ascii_lower` has it."""

    type = Text()
    inherit_cache = True


@compiles(_AsciiLower, "sqlite")
def _sqlite(element: _AsciiLower, compiler: Anything, **kw: Anything) -> str:
    return f"lower({compiler.process(element.clauses, **kw)})"


@compiles(_AsciiLower, "postgresql")
def _postgresql(element: _AsciiLower, compiler: Anything, **kw: Anything) -> str:
    return f'lower({compiler.process(element.clauses, **kw)} COLLATE "C")'


def where(rule: Rule, now: datetime) -> ColumnElement[bool]:
    """The condition that holds for the rows of `subscribers` which the rule picks; never NULL, so `not` is safe.

    Days ago are counted back from `now`: of a mailing, its hour.
    """
    match rule:
        case HasPlan(plan):
            return subscribers.c.plan == plan
        case HasTag(tag):
            return exists().where(subscriber_tags.c.subscriber_id == subscribers.c.id, subscriber_tags.c.tag == tag)
        case JoinedBefore(day, zone):
            return subscribers.c.joined_at < begin_of(day, zone, now)
        case JoinedAfter(day, zone):
            return subscribers.c.joined_at >= end_of(day, zone, now)
        case ReferredAtLeast(friends):
            return _brought() >= friends
        case ReferredAtMost(friends):
            return _brought() <= friends
        case LivesIn(country):
            return _AsciiLower(subscribers.c.country) == ascii_lower(country)
        case Speaks(language):
            tag, own = ascii_lower(language), func.replace(_AsciiLower(subscribers.c.language), "_", "-")
            # Not LIKE, in which SQLite takes upper for lower case.
            return or_(own == tag, func.substr(own, 1, len(tag) + 1) == f"{tag}-")
        case Converted(launch_id):
            return is_converted(launch_id, subscribers.c.id)
        case All(rules):
            return and_(true(), *(where(part, now) for part in rules))
        case Any(rules):
            return or_(false(), *(where(part, now) for part in rules))
        case Not(part):
            return not_(where(part, now))
        case _:
            assert_never(rule)


def _brought() -> ColumnElement[int]:
    """How many friends that count a subscriber brought: one look at an index for each row."""
    return (
        select(func.count())
        .select_from(referrals)
        .where(referrals.c.referrer_id == subscribers.c.id, referrals.c.state == ReferralState.VERIFIED)
        .scalar_subquery()
    )


def audience_rule(name: str, publication: Publication) -> Rule:
    """The rule of an audience: everyone, paid, free, or a segment of `content/publication.toml`.

    Raises UsageError for a name nobody gave, listing those there are.
    """
    rule = publication.audiences.get(name)
    if rule is None:
        known = ", ".join([*BUILT_IN, *sorted(publication.segments)])
        raise UsageError(
            f'no audience is called "{name}"',
            fix=f"use one of {known}, or write the segment {name} in content/publication.toml",
        )
    return rule
