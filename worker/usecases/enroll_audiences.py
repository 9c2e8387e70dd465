"""Enroll audiences: whom a launch concerns, a part of the list at a time, and later whoever confirms while it is open; and
whom an issue went to. How far it has come stands in the run, so a crash or a second clock neither loses nor repeats anybody.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from worker.domain.calendar import instant
from worker.domain.run import Run
from worker.domain.segment import Rule
from worker.domain.sequence import first_of_launch
from worker.errors import BroadsheetError
from worker.logs import say
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.enrollments import (
    NewEnrollment,
    Reader,
    enroll,
    next_ids,
    readers_between,
    readers_confirmed,
    readers_of_mailing,
    zones_of,
)
from worker.store.followups.near import hour_for
from worker.store.followups.runs import move_enrolled, open_runs, runs_by_id
from worker.store.segments import audience_rule
from worker.usecases.begin_steps import begin_steps
from worker.usecases.content import Content
from worker.usecases.decide_steps import issue_of

log = logging.getLogger("broadsheet.followups")

CHUNK = 2_000  # subscribers looked at in one transaction
ROUNDS = 25  # transactions in one tick
#: A transaction that began before another may commit after it, with a lower id or an earlier hour.
_IDS_AGAIN = 1_000
_TIME_AGAIN = timedelta(minutes=5)
_MOVES_EVERY = timedelta(minutes=10)


def enroll_audiences(engine: Engine, content: Content, now: datetime) -> int:
    """Enroll who is to be in the runs that are open; returns how many are new."""
    with reading(engine) as connection:
        runs = [run for run in open_runs(connection) if _may_enroll(run, content, now)]
    enrolled = 0
    for _round in range(ROUNDS):
        if not runs:
            break
        added, more = _enroll_some(engine, content, runs[0].id, now)
        enrolled += added
        if not more:
            runs.pop(0)
    if enrolled:
        say(log, logging.INFO, "enrolled", by="audiences", enrolled=enrolled)
    return enrolled


def _may_enroll(run: Run, content: Content, now: datetime) -> bool:
    if run.key.startswith("issue:"):
        return run.joined_through is None
    launch = content.launches.get(run.launch_id or "")
    if launch is None or now >= instant(launch.closes, launch.zone):
        return False
    if not run.timings:  # its sequence could not be read when it opened
        return False
    # A later close that nobody has agreed to: by the hours of before they would have missed everything.
    return run.anchors.closes is None or now < instant(run.anchors.closes, run.anchors.zone)


def _enroll_some(engine: Engine, content: Content, run_id: int, now: datetime) -> tuple[int, bool]:
    """How many were enrolled of the next part, and whether there may be another."""
    with reading(engine) as connection:
        run = runs_by_id(connection, [run_id])[run_id]
        part = _part(connection, content, run, now)
    if part is None:
        return 0, False
    with writing(engine) as connection:
        readers, through, joined = part
        if not move_enrolled(connection, run, through, joined):
            return 0, False
        added = enroll(connection, new_enrollments(connection, run, readers, now), now)
        begin_steps(connection, {run.id: run}, added, now)
    return len(added), True


_Part = tuple[list[Reader], int, datetime | None]  # whom to enroll, and how far that is by id and by time


def _part(connection: Connection, content: Content, run: Run, now: datetime) -> _Part | None:
    """The next part of the list; None where there is nothing to do or to note."""
    if run.launch_id is None:
        return _part_of_issue(connection, run, now)
    try:
        rule = audience_rule(content.launches[run.launch_id].audience, content.publication)
    except BroadsheetError as wrong:
        say(log, logging.WARNING, "launch has no audience", run=run.key, why=wrong.what)
        return None
    if run.joined_through is None:
        through = next_ids(connection, run.enrolled_through, CHUNK)
        if (
            through is None
        ):  # from here on: who comes later, those included who confirmed while the list was gone through
            return [], run.enrolled_through, run.started_at - timedelta(days=1)
        return readers_between(connection, run, rule, run.enrolled_through, through, now), through, None
    return _later_part(connection, run, rule, run.joined_through, now)


def _later_part(connection: Connection, run: Run, rule: Rule, joined: datetime, now: datetime) -> _Part | None:
    through = next_ids(connection, run.enrolled_through, CHUNK) or run.enrolled_through
    found = readers_confirmed(connection, run, rule, joined, now, CHUNK)
    upto = joined if len(found) == CHUNK else max(joined, now - _TIME_AGAIN)
    known = {one.subscriber_id for one in found}
    added = readers_between(connection, run, rule, max(0, run.enrolled_through - _IDS_AGAIN), through, now)
    found += [one for one in added if one.subscriber_id not in known]
    if not found and through == run.enrolled_through and upto - joined < _MOVES_EVERY:
        return None
    return found, through, upto


def is_to_come(run: Run, one: Reader) -> bool:
    """Whether a reader of the audience who is not in a launch's run that has begun will still be met by it."""
    if one.subscriber_id > run.enrolled_through - (0 if run.joined_through is None else _IDS_AGAIN):
        return True
    joined = run.joined_through or run.started_at - timedelta(days=1)
    return one.since is not None and one.since > joined


def _part_of_issue(connection: Connection, run: Run, now: datetime) -> _Part | None:
    mailing = issue_of(connection, run)
    readers = readers_of_mailing(connection, mailing.id, run.enrolled_through, CHUNK) if mailing else []
    if not readers:
        return [], run.enrolled_through, now
    return readers, readers[-1].subscriber_id, None


def new_enrollments(connection: Connection, run: Run, readers: Sequence[Reader], now: datetime) -> list[NewEnrollment]:
    """How readers come into a run: when each of them was met."""
    if run.launch_id is not None:
        return [NewEnrollment(run.id, one.subscriber_id, _met(run, one, now)) for one in readers]
    issue = issue_of(connection, run)
    zones = zones_of(connection, [one.subscriber_id for one in readers])
    return [
        NewEnrollment(run.id, one.subscriber_id, now if issue is None else hour_for(issue, zones[one.subscriber_id]))
        for one in readers
    ]


def _met(run: Run, one: Reader, now: datetime) -> datetime:
    """The launch's own beginning, or when somebody came who was not here then: they are not told what has passed."""
    began = first_of_launch(run.timings, run.anchors)
    if one.since is not None and one.since > began:
        return one.since
    return began if run.joined_through is None else max(began, now)
