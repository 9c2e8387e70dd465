"""What is to come of one reader's steps, of all sequences they are in, if nothing changes. Pure.

Every decision is worker/domain/due_step.py's, in the order in which the clock would ask, each knowing of those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from worker.domain.due_step import HELD, MERGED, Decision, Facts, PutOff, Send, Skip, Stop, decide, last_moment, passed
from worker.domain.quiet import QuietRules
from worker.domain.sequence import Anchors, Moment, Timings, next_moment


@dataclass(frozen=True, slots=True)
class Course:
    """One reader's way through one run: when they were met, which steps are decided, until when the next one was put off.

    `facts` says by step what is known of them; which follow-ups they got is told to `foresee`.
    """

    timings: Timings
    anchors: Anchors
    triggered_at: datetime
    facts: Mapping[str, Facts]
    decided: frozenset[str] = field(default_factory=frozenset)
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
    courses: Sequence[Course],
    zone: str,
    followups: Sequence[datetime],
    rules: QuietRules,
    now: datetime,
    until: datetime,
) -> Iterator[tuple[int, Foreseen]]:
    """What becomes of the steps that are left, from `now` to `until`: (the number of its course, what). `zone`: the reader's."""
    ways, sent = [_Way(one, zone) for one in courses], list(followups)
    while going := [way.at for way in ways if way.step is not None]:
        now = max(now, min(going))
        if now > until:
            return
        # As the clock does: what is due by now is decided together, and what comes after that in the next turn.
        due = [(way.at, number, way.step) for number, way in enumerate(ways) if way.step is not None and way.at <= now]
        for _at, number, step in sorted(due, key=lambda one: one[:2]):
            decision = ways[number].decide(step, sent, rules, now)
            if isinstance(decision, Send):
                sent.append(now)
            if (seen := ways[number].go_on(step, decision, now)) is not None:
                yield number, seen


class _Way:
    """How far a course has been foreseen."""

    def __init__(self, course: Course, zone: str) -> None:
        self._course, self._zone = course, zone
        self._decided = set(course.decided)
        self._put_off = course.put_off
        self.step = self._following()
        self.at = course.put_off_until or self._hour()

    def decide(self, step: Moment, sent: Sequence[datetime], rules: QuietRules, now: datetime) -> Decision:
        """What becomes of its next step at `now`."""
        facts = self._course.facts[step.step_id]
        facts = replace(
            facts,
            near=replace(facts.near, followups=tuple(sent)),
            passed=passed(step.due_at, self._course.triggered_at),
            merged=self._put_off == MERGED,
            put_off=HELD if facts.held else self._put_off,
            paused=facts.paused and (facts.paused_until is None or now < facts.paused_until),
        )
        return decide(facts, self.at, last_moment(facts, step), rules, now)

    def go_on(self, step: Moment, decision: Decision, now: datetime) -> Foreseen | None:
        """Go on to what comes after this decision; None where it only puts off."""
        put_off = self._put_off
        match decision:
            case PutOff(until, why):
                self.at, self._put_off = until, why
                return None
            case Send():
                seen = Foreseen(step.step_id, now, True, put_off=put_off)
            case Skip(why):
                seen = Foreseen(step.step_id, now, False, why, put_off)
            case Stop(why):
                self.step = None
                return Foreseen(step.step_id, now, False, why, put_off, stopped=True)
            case other:
                assert_never(other)
        self._decided.add(step.step_id)
        self._put_off = ""
        self.step = self._following()
        self.at = self._hour()
        return seen

    def _following(self) -> Moment | None:
        course = self._course
        return next_moment(course.timings, self._decided, course.anchors, course.triggered_at, self._zone)

    def _hour(self) -> datetime:
        return self.step.due_at if self.step else self._course.triggered_at
