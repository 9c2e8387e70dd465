"""Derive a run's hours anew, after somebody agreed to an edit: reader by reader, a part at a time, from what the run says now.

Can be stopped anywhere and goes on with the next tick. A step that was due keeps its turn at its new hour, and what waits behind
it comes after it; one that is new and whose moment has passed for a reader is skipped for them.
"""

from __future__ import annotations

from datetime import datetime

from worker.domain.due_step import MERGED, REMOVED
from worker.domain.run import Enrollment, Run
from worker.domain.sequence import moment_of
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.due import Overtaken
from worker.store.followups.enrollments import zones_of
from worker.store.followups.members import Place, enrollments_after, places_of
from worker.store.followups.rederiving import Placed, place_steps
from worker.store.followups.runs import move_rederived, open_runs, runs_by_id

CHUNK = 1_000
ROUNDS = 20


def rederive_runs(engine: Engine, now: datetime) -> None:
    """Go on with every run whose hours are to be derived anew."""
    with reading(engine) as connection:
        ids = [run.id for run in open_runs(connection) if run.rederived_through is not None]
    for run_id in ids:
        for _round in range(ROUNDS):
            if not _go_on(engine, run_id, now):
                break


def _go_on(engine: Engine, run_id: int, now: datetime) -> bool:
    try:
        with writing(engine) as connection:
            return _rederive_some(connection, runs_by_id(connection, [run_id])[run_id], now)
    except Overtaken:
        return False


def _rederive_some(connection: Connection, run: Run, now: datetime) -> bool:
    """The next part; False where there is none, or another clock has done it."""
    if run.rederived_through is None:
        return False
    some = enrollments_after(connection, run.id, run.rederived_through, CHUNK)
    if not move_rederived(connection, run, some[-1].subscriber_id if some else None):
        return False
    if not some:
        return False
    zones = zones_of(connection, sorted({one.subscriber_id for one in some}))
    places = places_of(connection, [one.id for one in some])
    place_steps(
        connection,
        [_placed(run, one, places.get(one.id, Place()), zones.get(one.subscriber_id, ""), now) for one in some],
        now,
    )
    return True


def _placed(run: Run, one: Enrollment, place: Place, zone: str, now: datetime) -> Placed:
    ends = _ends(run, place)
    decided = place.decided | ({place.due} if ends else set())
    moments = [
        moment_of(step_id, timing, run.anchors, one.triggered_at, zone)
        for step_id, timing in run.timings.items()
        if step_id not in decided
    ]
    ahead = [at for at in moments if not place.has_passed(at.step_id, at.due_at, now)]
    first = min(ahead, key=lambda at: at.due_at, default=None)
    return Placed(one, place, first, tuple(at for at in moments if at not in ahead), ends)


def _ends(run: Run, place: Place) -> str:
    """Why what is due is to come no more: another record of the same person has had it, or no file has it any more."""
    if place.put_off == MERGED:
        return MERGED
    return "" if place.due in run.timings else REMOVED
