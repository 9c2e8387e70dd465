"""Plan steps: decide what becomes of every step whose moment has come, and make mailings of those that go.

Part by part, each in one transaction: the mailing, what became of its steps (only where they are still due), and the next
step of each reader. So a crash or a second clock makes nothing twice and loses nothing, and a pass costs what is due.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from worker.domain.sequence import Moment, next_moment
from worker.logs import say
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.due import (
    Decided,
    Held,
    Overtaken,
    due_now,
    end_enrollments,
    record_decided,
    steps_decided,
)
from worker.store.followups.enrollments import FINISHED, STOPPED, add_due
from worker.usecases.content import Content
from worker.usecases.decide_steps import Verdict, decide_steps
from worker.usecases.step_mailings import StepMailings

log = logging.getLogger("broadsheet.followups")

CHUNK = 1_000  # due steps in one transaction
ROUNDS = 50  # transactions in one tick


def plan_steps(engine: Engine, content: Content, held: Held, now: datetime, batch_size: int) -> list[int]:
    """Decide what is due at `now`; returns the ids of the mailings this call created, often none."""
    mailings = StepMailings(content, now, batch_size)
    for _round in range(ROUNDS):
        with reading(engine) as connection:
            if not due_now(connection, now, held, 1):  # nearly every tick ends here, without a lock
                break
        try:
            with writing(engine) as connection:
                _plan_some(connection, content, held, mailings, now)
            mailings.keep()
        except Overtaken:
            break
    return mailings.created


def _plan_some(connection: Connection, content: Content, held: Held, mailings: StepMailings, now: datetime) -> None:
    rows = due_now(connection, now, held, CHUNK)
    verdicts = decide_steps(connection, content, held, rows, now)
    sent = mailings.write(connection, [one for one in verdicts if one.goes])
    decided = [one.as_decided(sent.get((one.row.enrollment_id, one.row.step_id))) for one in verdicts]
    record_decided(connection, decided, now)
    _go_on(connection, verdicts, now)
    _tell(decided)


def _go_on(connection: Connection, verdicts: Sequence[Verdict], now: datetime) -> None:
    """The next step of whoever stays, and the end of the others."""
    staying = [one for one in verdicts if one.state != "due" and not one.stops]
    done = steps_decided(connection, [one.row.enrollment_id for one in staying])
    following = [(one.row, _next(one, done.get(one.row.enrollment_id, set()))) for one in staying]
    add_due(connection, ((row.enrollment_id, row.run_id, row.subscriber_id, at) for row, at in following if at))
    ended = [(row.enrollment_id, FINISHED, "") for row, at in following if at is None]
    ended += [(one.row.enrollment_id, STOPPED, one.reason) for one in verdicts if one.stops]
    end_enrollments(connection, ended, now)


def _next(one: Verdict, done: set[str]) -> Moment | None:
    return next_moment(one.run.timings, done, one.run.anchors, one.enrollment.triggered_at, one.zone)


def _tell(decided: Sequence[Decided]) -> None:
    counted = Counter((one.row.run_id, one.row.step_id, one.state, one.reason) for one in decided)
    for (run_id, step_id, state, reason), number in sorted(counted.items()):
        say(log, logging.INFO, "steps decided", run=run_id, step=step_id, to=state, why=reason, steps=number)
