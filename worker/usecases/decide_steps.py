"""Decide steps: gather the facts about the readers of due steps, a part at a time, and ask worker/domain/due_step.py.

Reads only; the same for the clock and for `sequences simulate`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from worker.domain.calendar import instant
from worker.domain.delivery import SkipReason
from worker.domain.due_step import (
    HELD,
    MERGED,
    Arrival,
    Decision,
    Facts,
    PutOff,
    Send,
    Skip,
    Stop,
    decide,
    last_moment,
    passed,
)
from worker.domain.issue import Step
from worker.domain.late import Late
from worker.domain.mailing import Mailing, MailingStatus
from worker.domain.quiet import Near
from worker.domain.run import DueStep, Enrollment, Run
from worker.domain.sequence import Moment, late_policy, moment_of
from worker.domain.step_rules import NO_RULES
from worker.domain.timing import EVERY_DAY, Anchor
from worker.store.engine import Connection
from worker.store.followups.arrival import arrivals
from worker.store.followups.due import Decided, Held
from worker.store.followups.enrollments import STOPPED
from worker.store.followups.facts import Standing, standings
from worker.store.followups.members import enrollments_by_id
from worker.store.followups.near import followups_near, issues_near
from worker.store.followups.runs import runs_by_id
from worker.store.ledger.mailings import find_mailing
from worker.usecases.content import Content
from worker.usecases.schedule_broadcast import BROADCAST


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a due step, and what is needed to write it. `step` None: it is in no file any more."""

    row: DueStep
    run: Run
    enrollment: Enrollment
    step: Step | None
    zone: str
    moment: Moment
    decision: Decision
    plan: str = "free"

    @property
    def goes(self) -> bool:
        """Whether it is mailed."""
        return isinstance(self.decision, Send)

    @property
    def stops(self) -> bool:
        """Whether the reader leaves the sequence."""
        return isinstance(self.decision, Stop)

    @property
    def state(self) -> str:
        """The state of its row."""
        match self.decision:
            case Send():
                return "planned"
            case PutOff():
                return "due"
            case Skip() | Stop():
                return "skipped"
            case other:
                assert_never(other)

    @property
    def reason(self) -> str:
        """Why it does not go now; of one that goes, nothing."""
        return "" if isinstance(self.decision, Send) else self.decision.why

    def as_decided(self, mailing_id: int | None) -> Decided:
        """For the database."""
        until = self.decision.until if isinstance(self.decision, PutOff) else None
        return Decided(self.row, self.state, self.reason, mailing_id, self.moment.due_at, until, self.moment.expires_at)


def decide_steps(
    connection: Connection, content: Content, held: Held, rows: Sequence[DueStep], now: datetime
) -> list[Verdict]:
    """What becomes of these steps at `now`, each seeing what was decided for the same reader before it."""
    runs = runs_by_id(connection, {row.run_id for row in rows})
    enrolled = enrollments_by_id(connection, sorted({row.enrollment_id for row in rows}))
    steps = {run.id: {step.id: step for step in content.steps.get(run.sequence, ())} for run in runs.values()}
    known = _standings(connection, runs, steps, rows, now)
    readers = sorted({row.subscriber_id for row in rows})
    zones = {one.subscriber_id: one.zone for one in _zoned(known)}
    lived = {reader: zones.get(reader, "") or content.publication.slot.zone for reader in readers}
    issues = issues_near(connection, content.publication, lived, now)
    followups = defaultdict(list, followups_near(connection, readers, now) if _counts(content) else {})
    closes = {run.id: closes_at(connection, content, run) for run in runs.values()}
    arrived = {run.id: issue_arrivals(connection, run, readers) for run in runs.values()}
    found: list[Verdict] = []
    for row in rows:
        run, enrollment = runs[row.run_id], enrolled[row.enrollment_id]
        step = steps[run.id].get(row.step_id)
        standing = known.get((row.run_id, row.step_id, row.subscriber_id))
        zone = zones.get(row.subscriber_id, "")
        near = Near(lived[row.subscriber_id], issues.get(row.subscriber_id, ()), followups[row.subscriber_id])
        moment = _moment(run, row, enrollment, zone)
        facts = replace(
            facts_about(content, run, step, standing, near, zone, closes[run.id]),
            held=_is_held(held, row),
            merged=row.reason == MERGED,
            passed=passed(moment.due_at, enrollment.triggered_at),
            arrival=arrived[run.id].get(row.subscriber_id, Arrival.CAME),
            barred=(standing.barred if standing else "erased") or _left(enrollment),
            put_off=HELD if _is_held(held, row) else row.reason,
            returning=standing is not None and standing.returning,
        )
        decision = _decide(content, facts, row, moment, now)
        if isinstance(decision, Send):
            followups[row.subscriber_id].append(now)
        plan = standing.plan.value if standing else "free"
        found.append(Verdict(row, run, enrollment, step, zone, moment, decision, plan))
    return found


def facts_about(
    content: Content,
    run: Run,
    step: Step | None,
    standing: Standing | None,
    near: Near,
    zone: str,
    closes: datetime | None,
) -> Facts:
    """What is known of a reader towards one step, whenever it is due. `closes`: as `closes_at` says."""
    if standing is None:
        return Facts(near, barred="erased")  # no such reader any more
    if step is None:
        return Facts(near, barred=standing.barred, removed=True)
    timing = run.timings.get(step.id, step.timing)
    clock = zone if timing.theirs and zone else run.anchors.zone
    if timing.days != EVERY_DAY:
        near = replace(near, days=timing.days, days_zone=clock)
    follows_close = timing.anchor is Anchor.CLOSES and not timing.before
    grace = _grace(content, run, step)
    return Facts(
        near,
        standing.barred,
        standing.paused,
        standing.stop_if,
        standing.only_if,
        closes=None if follows_close else closes,
        grace=grace,
        day_zone=clock if timing.before and grace is not None else "",
        paused_until=standing.paused_until,
    )


def closes_at(connection: Connection, content: Content, run: Run) -> datetime | None:
    """When a run's steps lose their reason: its launch closes by today's file, or long ago, for its issue was cancelled."""
    if run.launch_id is not None:
        launch = content.launches.get(run.launch_id)
        return None if launch is None else instant(launch.closes, launch.zone)
    mailing = issue_of(connection, run)
    cancelled = mailing is not None and mailing.status is MailingStatus.CANCELLED
    return run.started_at if cancelled else None


def issue_of(connection: Connection, run: Run) -> Mailing | None:
    """The broadcast that a run follows; None of a run of something else."""
    issue_id = run.key.removeprefix("issue:").rpartition(":")[0] if run.key.startswith("issue:") else ""
    return find_mailing(connection, f"{BROADCAST}{issue_id}") if issue_id else None


def issue_arrivals(connection: Connection, run: Run, subscriber_ids: Sequence[int]) -> dict[int, Arrival]:
    """How far the issue that a run follows is with these readers; nothing of a run of something else."""
    mailing = issue_of(connection, run)
    return {} if mailing is None else arrivals(connection, mailing.id, subscriber_ids)


def _grace(content: Content, run: Run, step: Step) -> timedelta | None:
    """What the ledger would drop as late is not handed to it: here it has a reason, and the next step may go."""
    late = content.publication.late
    expires = late_policy(step, run.launch_id is not None, late.policy) is Late.EXPIRE
    return late.grace if expires else None


def _decide(content: Content, facts: Facts, row: DueStep, moment: Moment, now: datetime) -> Decision:
    """As the domain says, but for a step whose hour has moved since its row was written: it waits for the new one."""
    if moment.due_at > now and not row.reason and not (facts.barred or facts.stop_if):
        return PutOff(moment.due_at, "")
    return decide(facts, row.due_at, last_moment(facts, moment), content.publication.quiet, now)


def _moment(run: Run, row: DueStep, enrollment: Enrollment, zone: str) -> Moment:
    """When it is due by what the run says now; a step the run does not know any more keeps the hours of its row."""
    timing = run.timings.get(row.step_id)
    if timing is None:
        return Moment(row.step_id, row.first_due_at, row.expires_at)
    return moment_of(row.step_id, timing, run.anchors, enrollment.triggered_at, zone)


def _left(enrollment: Enrollment) -> str:
    """Why somebody had left already; whoever leaves has nothing due any more, so this is a second lock on the door."""
    return (enrollment.reason or SkipReason.STOPPED) if enrollment.status == STOPPED else ""


def _is_held(held: Held, row: DueStep) -> bool:
    if row.run_id not in held:
        return False
    steps = held[row.run_id]
    return steps is None or row.step_id in steps


def _counts(content: Content) -> bool:
    quiet = content.publication.quiet
    return bool(quiet.between or quiet.per_week)


@dataclass(frozen=True, slots=True)
class _Zoned:
    subscriber_id: int
    zone: str


def _zoned(known: Mapping[tuple[int, str, int], Standing]) -> list[_Zoned]:
    return [_Zoned(key[2], standing.zone) for key, standing in known.items()]


def _standings(
    connection: Connection,
    runs: Mapping[int, Run],
    steps: Mapping[int, Mapping[str, Step]],
    rows: Sequence[DueStep],
    now: datetime,
) -> dict[tuple[int, str, int], Standing]:
    parts: dict[tuple[int, str], set[int]] = defaultdict(set)
    for row in rows:
        parts[row.run_id, row.step_id].add(row.subscriber_id)
    found: dict[tuple[int, str, int], Standing] = {}
    for (run_id, step_id), readers in sorted(parts.items()):
        step = steps[run_id].get(step_id)
        rules = step.rules if step else NO_RULES
        for reader, one in standings(connection, sorted(readers), runs[run_id].launch_id, rules, now).items():
            found[run_id, step_id, reader] = one
    return found
