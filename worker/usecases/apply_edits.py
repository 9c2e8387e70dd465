"""Apply edits: what an edited sequence changes for whom, and, once a person has agreed, that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from worker.domain.run import Edits, Run, find_edits, renamed_key
from worker.domain.sequence import Anchors, Moment, Timings, moment_of, timings_of
from worker.errors import UsageError
from worker.store.engine import Connection, Engine, reading, reading_steadily, writing
from worker.store.followups.enrollments import zones_of
from worker.store.followups.members import Place, enrollments_after, places_of
from worker.store.followups.runs import agree, all_runs, rename_run, runs_by_id
from worker.usecases.content import Content
from worker.usecases.look_at_sequence import look_at_sequence
from worker.usecases.rederive_run import rederive_runs

CHUNK = 1_000


@dataclass(slots=True)
class StepChange:
    """One step of a run. `before` and `after` are its sentences, empty where there is none; `readers`: how many it is still to
    come for; `old_at` and `new_at`: the earliest hour among them. `passed`: how many a new step has passed by, or whose
    moment has passed by the new hour.
    """

    step_id: str
    before: str
    after: str
    readers: int = 0
    passed: int = 0
    old_at: datetime | None = None
    new_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunChange:
    """What an edit changes in one run. `sequence`: the folder it is to go on with, perhaps another than its own."""

    run: Run
    sequence: str
    edits: Edits
    anchors: Anchors
    timings: Timings
    steps: list[StepChange]


def find_changes(engine: Engine, content: Content, name: str, now: datetime) -> list[RunChange]:
    """What the files say otherwise than the sequence's runs were told; empty where nothing waits for a person.

    UsageError for a sequence that is not there, or cannot be read now.
    """
    if why := look_at_sequence(engine, content, name).broken:
        raise UsageError(f"{name} cannot be read: {why}", fix="mend it, then apply")
    with reading_steadily(engine) as connection:
        return [
            change
            for run in all_runs(connection)
            if run.ended_at is None and _told_by(run, content) == name
            for change in (_change(connection, content, run, now),)
            if change is not None
        ]


def apply_edits(engine: Engine, change: RunChange, now: datetime) -> bool:
    """Let it hold, and derive every hour anew; False where the run was changed meanwhile, and then nothing was done.

    Stopped in the midst, the clock goes on with it.
    """
    with writing(engine) as connection:
        if not _take_over(connection, change):
            return False
    while _goes_on(engine, change.run.id):
        before = _through(engine, change.run.id)
        rederive_runs(engine, now)
        if _through(engine, change.run.id) == before:
            break  # another clock is at it
    return True


def _take_over(connection: Connection, change: RunChange) -> bool:
    run, name = change.run, change.sequence
    renamed = name == run.sequence or rename_run(connection, run, name, renamed_key(run, name))
    return renamed and agree(connection, run, change.anchors, change.timings)


def _told_by(run: Run, content: Content) -> str:
    """The folder whose steps are its own by today's files."""
    launch = content.launches.get(run.launch_id or "")
    return run.sequence if launch is None else launch.sequence


def _through(engine: Engine, run_id: int) -> int | None:
    with reading(engine) as connection:
        return runs_by_id(connection, [run_id])[run_id].rederived_through


def _goes_on(engine: Engine, run_id: int) -> bool:
    return _through(engine, run_id) is not None


def _change(connection: Connection, content: Content, run: Run, now: datetime) -> RunChange | None:
    name = _told_by(run, content)
    anchors, steps = content.anchors_now(run), content.steps.get(name)
    if anchors is None or steps is None or (not steps and name != run.sequence):
        return None
    edits = find_edits(run, steps, anchors)
    if not edits and not edits.removed and name == run.sequence:
        return None
    timings = timings_of(steps)
    changes = {
        step_id: StepChange(step_id, str(run.timings.get(step_id, "")), str(timings.get(step_id, "")))
        for step_id in (*edits.moved, *edits.added, *edits.removed)
    }
    for triggered_at, place, zone in _readers(connection, run):
        for change in changes.values():
            if change.step_id not in place.decided:
                old = _moment(change.step_id, run.timings, run.anchors, triggered_at, zone)
                new = _moment(change.step_id, timings, anchors, triggered_at, zone)
                _count(change, place, old, new, now)
    return RunChange(run, name, edits, anchors, timings, list(changes.values()))


def _readers(connection: Connection, run: Run) -> Iterator[tuple[datetime, Place, str]]:
    after = 0
    while some := enrollments_after(connection, run.id, after, CHUNK):
        zones = zones_of(connection, sorted({one.subscriber_id for one in some}))
        places = places_of(connection, [one.id for one in some])
        for one in some:
            if one.status != "stopped":
                yield one.triggered_at, places.get(one.id, Place()), zones.get(one.subscriber_id, "")
        after = some[-1].subscriber_id


def _moment(step_id: str, timings: Timings, anchors: Anchors, triggered_at: datetime, zone: str) -> Moment | None:
    timing = timings.get(step_id)
    return None if timing is None else moment_of(step_id, timing, anchors, triggered_at, zone)


def _count(change: StepChange, place: Place, old: Moment | None, new: Moment | None, now: datetime) -> None:
    if new is not None and place.has_passed(change.step_id, new.due_at, now):
        change.passed += 1
        return
    change.readers += 1
    if old is not None:
        change.old_at = min(old.due_at, change.old_at or old.due_at)
    if new is not None:
        change.new_at = min(new.due_at, change.new_at or new.due_at)
