"""Enroll from triggers: whoever something happened to is enrolled in what answers it, and the trigger goes, in one transaction.

What nothing answers goes too. A sequence that runs answers by what was agreed to, also while its files cannot be read.
"""

from __future__ import annotations

import logging
from datetime import datetime

from worker.domain.run import Run, event_key
from worker.domain.sequence import Anchors, Timings, timings_of
from worker.domain.trigger import Trigger
from worker.logs import say
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.due import Overtaken
from worker.store.followups.enrollments import NewEnrollment, Waiting, enroll, take_triggers, waiting_triggers
from worker.store.followups.runs import begin_run, find_run, open_runs
from worker.usecases.begin_steps import begin_steps
from worker.usecases.content import Content

log = logging.getLogger("broadsheet.followups")

CHUNK = 500  # triggers in one transaction
ROUNDS = 40  # transactions in one tick
_EVENTS = frozenset(one.value for one in Trigger)


def enroll_triggers(engine: Engine, content: Content, now: datetime) -> int:
    """Enroll whom the triggers that wait name; returns how many enrollments are new."""
    enrolled = 0
    for _round in range(ROUNDS):
        with reading(engine) as connection:
            if not waiting_triggers(connection, 1):
                break
        try:
            with writing(engine) as connection:
                enrolled += _enroll(connection, content, now)
        except Overtaken:
            break
    if enrolled:
        say(log, logging.INFO, "enrolled", by="triggers", enrolled=enrolled)
    return enrolled


def _enroll(connection: Connection, content: Content, now: datetime) -> int:
    waiting = waiting_triggers(connection, CHUNK)
    if not take_triggers(connection, [one.id for one in waiting]):
        raise Overtaken("another clock took these triggers", fix="nothing is lost; the next tick goes on")
    begun = {run.sequence: run for run in open_runs(connection) if run.key == event_key(run.sequence)}
    agreed: dict[str, Timings] = {name: timings_of(steps) for name, steps in content.steps.items()}
    agreed |= {name: run.timings for name, run in begun.items()}
    new = [
        NewEnrollment(
            _run(connection, begun, name, timings, content, now).id, one.subscriber_id, one.happened_at, one.occurrence
        )
        for one in waiting
        for name, timings in agreed.items()
        if _answers(timings, one)
    ]
    if not new:
        return 0
    added = enroll(connection, new, now)
    begin_steps(connection, {run.id: run for run in begun.values()}, added, now)
    return len(added)


def _answers(timings: Timings, one: Waiting) -> bool:
    first = next(iter(timings.values()), None)
    if first is None or first.anchor.value not in _EVENTS:
        return False
    return first.anchor.value == one.event and first.which in ("", one.occurrence)


def _run(
    connection: Connection, begun: dict[str, Run], name: str, timings: Timings, content: Content, now: datetime
) -> Run:
    """The run that answers, begun with the first reader it meets."""
    if name not in begun:
        key = event_key(name)
        begin_run(connection, key, name, Anchors(content.publication.slot.zone), timings, now)
        run = find_run(connection, key)
        if run is None:
            raise AssertionError("begun just now")
        begun[name] = run
    return begun[name]
