"""Start runs: of a launch when it opens or its first step goes, of an issue when its broadcast is planned. By unique keys, so
two clocks start one. The run that answers an event starts with the first reader it meets (enroll_triggers.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime

from worker.domain.calendar import instant
from worker.domain.mailing import MailingStatus
from worker.domain.run import issue_key, launch_key
from worker.domain.sequence import Anchors, anchors_of, first_of_launch, last_moment, timings_of
from worker.domain.timing import OF_LAUNCHES, Anchor
from worker.logs import say
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.runs import begin_run, end_run, known_keys, open_runs
from worker.store.ledger.mailings import find_mailing
from worker.usecases.content import Content
from worker.usecases.schedule_broadcast import BROADCAST

log = logging.getLogger("broadsheet.followups")


def start_runs(engine: Engine, content: Content, now: datetime) -> int:
    """Start what is to start at `now`, and end runs of which nothing can be left; returns how many started."""
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        wanted = {one[0]: one for one in (*_launches(content, now), *_issues(connection, content))}
        new = [one for key, one in wanted.items() if key not in known_keys(connection, wanted)]
        over = _over(connection, now)
    if not new and not over:
        return 0
    with writing(engine) as connection:
        begun = [one[0] for one in new if _begin(connection, content, one, now)]
        for run_id in over:
            end_run(connection, run_id, now)
    for key in begun:
        say(log, logging.INFO, "run started", run=key)
    return len(begun)


_Wanted = tuple[str, str, Anchors, str | None]  # key, sequence, anchors, launch


def _launches(content: Content, now: datetime) -> Iterator[_Wanted]:
    for launch in content.launches.values():
        steps = content.steps.get(launch.sequence, ())
        if not steps or steps[0].timing.anchor not in OF_LAUNCHES:
            continue
        anchors = anchors_of(launch)
        if first_of_launch(timings_of(steps), anchors) <= now < instant(launch.closes, launch.zone):
            yield launch_key(launch.id, launch.sequence), launch.sequence, anchors, launch.id


def _issues(connection: Connection, content: Content) -> Iterator[_Wanted]:
    for name, steps in content.steps.items():
        if not steps or steps[0].timing.anchor is not Anchor.ISSUE:
            continue
        issue_id = steps[0].timing.which
        mailing = find_mailing(connection, f"{BROADCAST}{issue_id}")
        if mailing is not None and mailing.planned_at is not None and mailing.status is not MailingStatus.CANCELLED:
            yield issue_key(issue_id, name), name, Anchors(content.publication.slot.zone), None


def _begin(connection: Connection, content: Content, one: _Wanted, now: datetime) -> bool:
    key, sequence, anchors, launch_id = one
    return begin_run(connection, key, sequence, anchors, timings_of(content.steps[sequence]), now, launch_id)


def _over(connection: Connection, now: datetime) -> list[int]:
    """Runs that enroll nobody any more and whose last step has had its time. What answers an event goes on for ever."""
    return [
        run.id
        for run in open_runs(connection)
        if run.joined_through is not None
        and not run.key.startswith("event:")
        and now > last_moment(run.timings, run.anchors, run.joined_through if run.launch_id is None else run.started_at)
    ]
