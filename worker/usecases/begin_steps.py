"""Begin steps: the first step of each of those who were enrolled just now. Within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from worker.domain.run import Run
from worker.domain.sequence import Moment, next_moment
from worker.store.engine import Connection
from worker.store.followups.due import end_enrollments
from worker.store.followups.enrollments import FINISHED, Enrolled, add_due


def begin_steps(connection: Connection, runs: Mapping[int, Run], added: Iterable[Enrolled], now: datetime) -> None:
    """Write the first step of each; an enrollment without any is finished at once."""
    found = _Moments(runs)
    first = [(one, found.first(one)) for one in added]
    add_due(connection, ((one.id, one.run_id, one.subscriber_id, at) for one, at in first if at is not None))
    end_enrollments(connection, ((one.id, FINISHED, "") for one, at in first if at is None), now)


class _Moments:
    """First moments; a whole list that is enrolled at once has few different ones."""

    def __init__(self, runs: Mapping[int, Run]) -> None:
        self._runs = runs
        self._known: dict[tuple[int, datetime, str], Moment | None] = {}

    def first(self, one: Enrolled) -> Moment | None:
        key = (one.run_id, one.triggered_at, one.zone)
        if key not in self._known:
            run = self._runs[one.run_id]
            self._known[key] = next_moment(run.timings, (), run.anchors, one.triggered_at, one.zone)
        return self._known[key]
