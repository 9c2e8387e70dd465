"""The decision about one step that has fallen due, by the facts about its reader at that moment.

Pure: the clock, `simulate` (worker/domain/foresight.py) and the tests ask the same function.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from worker.domain.calendar import instant, wall_time
from worker.domain.quiet import Near, QuietRules, first_allowed
from worker.domain.sequence import Moment

LATE, HELD, REMOVED, ONLY_IF, STOP_IF, PAUSED, MERGED, JOINED_LATER, CLOSED = (
    *("late", "held", "removed", "only_if", "stop_if", "paused", "merged", "joined_later", "closed"),
)
ISSUE_AHEAD, NO_ISSUE = "issue_ahead", "no_issue"
_LOOKS_AGAIN = timedelta(hours=1)  # whether an issue that is still on its way has come


class Arrival(StrEnum):
    """How far the issue is that a step counts from."""

    CAME = "came"  # handed over, or a step that counts from something else
    AHEAD = "ahead"  # planned, and not handed over yet: paused, or at the account's pace
    NEVER = "never"  # taken back, or left out just before the call


#: They have come back, and the provider's list still holds them; looked at again soon, for that is over in a moment.
RETURNING = "returning"
RETURNS_AGAIN = timedelta(minutes=5)


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

    `stop_if` and `only_if` say whether the rule is met; without such a rule, False and True. `closes`: when its launch closes
    by today's file, perhaps earlier than the run was told. `passed`: its moment had passed when the reader came. `merged`:
    another record of the same person has had it. `grace`: of one that does not go late, for how long after its hour it may;
    `day_zone`: of such a one that counts back, on whose calendar it must be its day ("two days left" is wrong on the next).
    `returning`: they have come back, and may be mailed in a moment. `paused_until`: when a pause ends, for who looks ahead.
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
    closes: datetime | None = None
    grace: timedelta | None = None
    arrival: Arrival = Arrival.CAME
    day_zone: str = ""
    put_off: str = ""
    returning: bool = False
    paused_until: datetime | None = None


def last_moment(facts: Facts, moment: Moment) -> datetime:
    """Until when a step makes sense to this reader: one that counts back and does not go late, on its own day alone.

    One that is held waits as long as the run was told, for the hour that is agreed to may be a later one.
    """
    if not facts.day_zone or facts.held:
        return moment.expires_at
    day = wall_time(moment.due_at, facts.day_zone).date()
    return min(moment.expires_at, instant(datetime.combine(day + timedelta(days=1), time()), facts.day_zone))


def decide(facts: Facts, due_at: datetime, expires_at: datetime, rules: QuietRules, now: datetime) -> Decision:
    """What becomes of a step that is due at `now`. `until` of a PutOff lies after `now` and not after `expires_at`."""
    if facts.barred:
        return Stop(facts.barred)
    if facts.stop_if:
        return Stop(STOP_IF)
    if why := _passed(facts, due_at, expires_at, now):
        return Skip(why)
    if facts.held:
        return PutOff(expires_at, HELD)
    if facts.arrival is Arrival.NEVER:
        return Skip(NO_ISSUE)
    if facts.arrival is Arrival.AHEAD:
        return PutOff(min(now + _LOOKS_AGAIN, expires_at), ISSUE_AHEAD)
    if facts.returning:
        return PutOff(min(now + RETURNS_AGAIN, expires_at), RETURNING)
    if not facts.only_if:
        return Skip(ONLY_IF)
    if facts.paused:
        return Skip(PAUSED)
    until, quiet = first_allowed(max(now, due_at), facts.near, rules)
    if quiet is None:
        return Send()
    return PutOff(until, quiet) if until < expires_at else Skip(quiet)


def _passed(facts: Facts, due_at: datetime, expires_at: datetime, now: datetime) -> str:
    if facts.merged:
        return MERGED
    if facts.removed:
        return REMOVED
    if facts.passed:
        return JOINED_LATER
    if facts.closes is not None and now >= facts.closes:
        return CLOSED
    missed = facts.grace is not None and not facts.held and now > due_at + facts.grace
    return (facts.put_off or LATE) if missed or now >= expires_at else ""


def passed(due_at: datetime, triggered_at: datetime) -> bool:
    """Whether a step's moment had passed when its reader came: nobody is told afterwards what the others were told."""
    return due_at < triggered_at
