"""The decision about one step that has fallen due, by the facts about its reader at that moment; and what is to come of
the steps after it if nothing changes. Pure: the clock, `simulate` and the tests ask the same function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from worker.domain.quiet import Near, QuietRules, first_allowed
from worker.domain.sequence import Anchors, Timings, next_moment

LATE, HELD, REMOVED, ONLY_IF, STOP_IF, PAUSED, MERGED, JOINED_LATER, CLOSED = (
    *("late", "held", "removed", "only_if", "stop_if", "paused", "merged", "joined_later", "closed"),
)


@dataclass(frozen=True, slots=True)
class Send:
    """It goes now."""


@dataclass(frozen=True, slots=True)
class PutOff:
    """It is looked at again at `until`."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """It does not go; the next step may."""

    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The reader leaves the sequence."""

    why: str


Decision = Send | PutOff | Skip | Stop


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a due step's reader. `barred`: why they may not be mailed at all. `put_off`: what it waited for last.

    `stop_if` and `only_if` say whether the rule is met; without such a rule, False and True. `closed`: its launch has closed,
    earlier than the run was told. `passed`: its moment had passed when the reader came. `merged`: another record of the
    same person has had it. `missed`: its hour is past by more than the grace, and it is one that does not go late.
    """

    near: Near
    barred: str = ""
    paused: bool = False
    stop_if: bool = False
    only_if: bool = True
    removed: bool = False
    held: bool = False
    merged: bool = False
    passed: bool = False
    closed: bool = False
    missed: bool = False
    put_off: str = ""


def decide(facts: Facts, due_at: datetime, expires_at: datetime, rules: QuietRules, now: datetime) -> Decision:
    """What becomes of a step that is due at `now`. `until` of a PutOff lies after `now` and not after `expires_at`."""
    if facts.barred:
        return Stop(facts.barred)
    if facts.stop_if:
        return Stop(STOP_IF)
    if why := _passed(facts, expires_at, now):
        return Skip(why)
    if facts.held:
        return PutOff(expires_at, HELD)
    if not facts.only_if:
        return Skip(ONLY_IF)
    if facts.paused:
        return Skip(PAUSED)
    until, quiet = first_allowed(max(now, due_at), facts.near, rules)
    if quiet is None:
        return Send()
    return PutOff(until, quiet) if until < expires_at else Skip(quiet)


def _passed(facts: Facts, expires_at: datetime, now: datetime) -> str:
    if facts.merged:
        return MERGED
    if facts.removed:
        return REMOVED
    if facts.passed:
        return JOINED_LATER
    if facts.closed:
        return CLOSED
    return (facts.put_off or LATE) if facts.missed or now >= expires_at else ""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Somebody in a sequence: when they were met, which steps are decided, and until when the next one was put off."""

    triggered_at: datetime
    decided: frozenset[str] = frozenset()
    put_off_until: datetime | None = None
    put_off: str = ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of a step: at `at` it goes (`why` empty), or does not, and why. `put_off`: what it waited for."""

    step_id: str
    at: datetime
    sent: bool
    why: str = ""
    put_off: str = ""
    stopped: bool = False


def foresee(
    one: Enrolled,
    timings: Timings,
    anchors: Anchors,
    zone: str,
    facts: Mapping[str, Facts],
    rules: QuietRules,
    now: datetime,
    until: datetime,
) -> Iterator[Foreseen]:
    """What becomes of the steps that are left, from `now` to `until`, if nothing is changed. `facts` by step."""
    decided, followups = set(one.decided), list(next(iter(facts.values())).near.followups) if facts else []
    at, put_off = one.put_off_until, one.put_off
    while step := next_moment(timings, decided, anchors, one.triggered_at, zone):
        at = max(now, at or step.due_at)
        if at > until:
            return
        fact = facts[step.step_id]
        fact = replace(fact, put_off=put_off, near=replace(fact.near, followups=tuple(followups)))
        fact = replace(fact, passed=passed(step.due_at, one.triggered_at))
        match decide(fact, at, step.expires_at, rules, at):
            case PutOff(later, why):
                at, put_off = later, why
                continue
            case Send():
                followups.append(at)
                yield Foreseen(step.step_id, at, True, put_off=put_off)
            case Skip(why):
                yield Foreseen(step.step_id, at, False, why, put_off)
            case Stop(why):
                yield Foreseen(step.step_id, at, False, why, put_off, stopped=True)
                return
            case other:
                assert_never(other)
        decided.add(step.step_id)
        at, put_off = None, ""


def passed(due_at: datetime, triggered_at: datetime) -> bool:
    """Whether a step's moment had passed when its reader came: nobody is told afterwards what the others were told."""
    return due_at < triggered_at
