"""A run: one time a sequence is gone through, with the hours that were agreed to; and what was edited since. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.domain.issue import Step
from worker.domain.sequence import Anchors, Timings
from worker.domain.timing import Anchor


@dataclass(frozen=True, slots=True)
class Run:
    """One row of `sequence_runs`. `joined_through` None: not everybody it concerns was looked at once."""

    id: int
    key: str
    sequence: str
    launch_id: str | None
    anchors: Anchors
    timings: Timings
    started_at: datetime
    enrolled_through: int = 0
    joined_through: datetime | None = None
    rederived_through: int | None = None
    ended_at: datetime | None = None
    needs_attention: str | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """What the files say otherwise than the run was told: step ids. `moved` ones would go at another hour."""

    moved: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to agree to; a removed step needs nobody."""
        return bool(self.moved or self.added)


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One row of `enrollments`; `status` is active, finished or stopped."""

    id: int
    run_id: int
    subscriber_id: int
    occurrence: str
    triggered_at: datetime
    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DueStep:
    """One row of `due_steps` that is due. `reason`: why it was put off last."""

    enrollment_id: int
    step_id: str
    run_id: int
    subscriber_id: int
    first_due_at: datetime
    due_at: datetime
    expires_at: datetime
    reason: str


def launch_key(launch_id: str) -> str:
    """The key of a launch's run: one for each, whatever its folder is called."""
    return f"launch:{launch_id}"


def issue_key(issue_id: str, sequence: str) -> str:
    """The key of the run that follows an issue."""
    return f"issue:{issue_id}:{sequence}"


def event_key(sequence: str) -> str:
    """The key of the one run of a sequence that answers an event."""
    return f"event:{sequence}"


def renamed_key(run: Run, sequence: str) -> str:
    """The key of the same run under another folder's name."""
    if run.launch_id is not None:
        return run.key
    if run.key == event_key(run.sequence):
        return event_key(sequence)
    return issue_key(run.key.removeprefix("issue:").rpartition(":")[0], sequence)


def find_edits(run: Run, steps: Sequence[Step], anchors: Anchors) -> Edits:
    """What was edited since the run was told its hours; `anchors` are those of today's files."""
    now = {step.id: step.timing for step in steps}
    moved = [
        step_id
        for step_id, timing in run.timings.items()
        if step_id in now and (now[step_id] != timing or _moves(timing.anchor, run.anchors, anchors))
    ]
    added = [step_id for step_id in now if step_id not in run.timings]
    removed = [step_id for step_id in run.timings if step_id not in now]
    return Edits(tuple(moved), tuple(added), tuple(removed))


def _moves(anchor: Anchor, before: Anchors, after: Anchors) -> bool:
    ends = {Anchor.OPENS: (before.opens, after.opens), Anchor.CLOSES: (before.closes, after.closes)}
    one, other = ends.get(anchor, (None, None))
    return before.zone != after.zone or one != other
