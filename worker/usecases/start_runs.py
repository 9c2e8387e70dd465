"""Start runs: of a launch when it opens or its first step goes, of an issue when its broadcast is planned. By unique keys, so
two clocks start one. The run that answers an event starts with the first reader it meets (enroll_triggers.py).

A launch whose sequence cannot be read has a run from its opening on, of no step, so that somebody is told (watch_edits.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from worker.domain.calendar import instant
from worker.domain.mailing import MailingStatus
from worker.domain.run import Run, issue_key, launch_key
from worker.domain.sequence import Anchors, Timings, anchors_of, first_of_launch, last_moment, timings_of
from worker.domain.timing import OF_LAUNCHES, Anchor
from worker.logs import say
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.runs import all_runs, begin_run, end_run, reopen_run
from worker.store.ledger.mailings import find_mailing
from worker.usecases.content import Content
from worker.usecases.schedule_broadcast import BROADCAST

log = logging.getLogger("broadsheet.followups")


def start_runs(engine: Engine, content: Content, now: datetime) -> int:
    """Start what is to start at `now`, end runs of which nothing can be left, and open those again whose launch was opened
    again; returns how many started."""
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        runs = all_runs(connection)
        known = {run.key for run in runs}
        new = [one for one in (*_launches(content, now), *_issues(connection, content)) if one.key not in known]
    over = [run.id for run in runs if run.ended_at is None and _is_over(run, content, now)]
    again = [run.id for run in runs if run.ended_at is not None and _is_open(run, content, now)]
    if not new and not over and not again:
        return 0
    with writing(engine) as connection:
        begun = [one.key for one in new if begin_run(connection, *one[:4], now, one.launch_id)]
        for run_id in over:
            end_run(connection, run_id, now)
        for run_id in again:
            reopen_run(connection, run_id)
    for key in begun:
        say(log, logging.INFO, "run started", run=key)
    return len(begun)


class _Wanted(NamedTuple):
    key: str
    sequence: str
    anchors: Anchors
    timings: Timings
    launch_id: str | None = None


def _launches(content: Content, now: datetime) -> Iterator[_Wanted]:
    for launch in content.launches.values():
        steps = content.steps.get(launch.sequence, ())
        told = bool(steps) and steps[0].timing.anchor in OF_LAUNCHES
        if not told and launch.sequence not in content.broken:
            continue
        timings, anchors = timings_of(steps) if told else {}, anchors_of(launch)
        if first_of_launch(timings, anchors) <= now < instant(launch.closes, launch.zone):
            yield _Wanted(launch_key(launch.id), launch.sequence, anchors, timings, launch.id)


def _issues(connection: Connection, content: Content) -> Iterator[_Wanted]:
    for name, steps in content.steps.items():
        if not steps or steps[0].timing.anchor is not Anchor.ISSUE:
            continue
        issue_id = steps[0].timing.which
        mailing = find_mailing(connection, f"{BROADCAST}{issue_id}")
        if mailing is not None and mailing.planned_at is not None and mailing.status is not MailingStatus.CANCELLED:
            yield _Wanted(issue_key(issue_id, name), name, Anchors(content.publication.slot.zone), timings_of(steps))


def _is_over(run: Run, content: Content, now: datetime) -> bool:
    """Whether it enrolls nobody any more and its last step has had its time. What answers an event goes on for ever."""
    if run.launch_id is not None:  # its audience too: whoever was not enrolled by the close is not at all
        return not _is_open(run, content, now) and now > last_moment(run.timings, run.anchors, run.started_at)
    if run.joined_through is None or run.key.startswith("event:"):
        return False
    return now > last_moment(run.timings, run.anchors, run.joined_through)


def _is_open(run: Run, content: Content, now: datetime) -> bool:
    """Whether its launch is still to close, by today's file."""
    launch = content.launches.get(run.launch_id or "")
    return launch is not None and now < instant(launch.closes, launch.zone)
