"""Follow-ups: a tick that finds and plans due steps among a million enrollments costs what is due, not the list.

`BENCH_ENROLLMENTS` (default 1,000,000) is the long list. Yardsticks in the same run: the same tick among as many enrollments
as are due and no others (a ratio near 1: the rest of the list costs nothing), and a bare statement that writes the rows such
a tick writes for each step (a state, the next step, who is owed it), without any decision.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.setting import PROJECT, add_readers, database
from worker.domain.issue import Issue, Step
from worker.domain.sequence import Anchors, timings_of
from worker.domain.subscriber import Plan
from worker.domain.timing import parse_when
from worker.sources import read_publication
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.followups.due import due_now
from worker.store.followups.runs import begin_run, find_run
from worker.store.instants import to_millis
from worker.usecases.advance_followups import advance_followups
from worker.usecases.content import Content

LARGE = int(os.environ.get("BENCH_ENROLLMENTS", "1000000"))
DUE = (1_000, 10_000)
NOW = datetime(2026, 11, 18, 16, tzinfo=UTC)  # a Wednesday morning in the sample's zone, far from its letter
MET = NOW - timedelta(days=3)
IDLE_TICKS = 20
_EMPTY = "DELETE FROM {}"


def main() -> None:
    """Print seconds of an idle tick, and of ticks with so many steps due, each beside its yardsticks."""
    content = Content(read_publication(PROJECT), {}, {"course": [_step("first", 3), _step("second", 10)]})
    for kind in ("sqlite", "postgresql"):
        with database(kind) as engine:
            add_readers(engine, LARGE)
            alone = {due: _timed(engine, content, due, due) for due in DUE}
            for due in DUE:
                spent = _timed(engine, content, LARGE, due)
                bare = _bare(engine, due)
                print(
                    f"  {kind:10} {LARGE:9,} enrollments, {due:6,} due: planned in {spent:6.2f} s ({due / spent:7,.0f}/s);"
                    f" alone {alone[due]:6.2f} s (ratio {spent / alone[due]:.2f});"
                    f" bare statements {bare:6.2f} s (ratio {spent / bare:.1f})"
                )
            find, tick = _idle(engine, content)
            print(
                f"  {kind:10} {LARGE:9,} enrollments, nothing due: found out in {find * 1000:.2f} ms, a tick {tick * 1000:.1f} ms"
            )


def _step(step_id: str, days: int) -> Step:
    text = Issue(
        step_id, step_id, f"{step_id}.md", "T", dict.fromkeys(Plan, "S"), dict.fromkeys(Plan, ""), "everyone", "Hi", 5
    )
    return Step("course", text, parse_when(f"{days} days after confirmed"))


def _timed(engine: Engine, content: Content, enrolled: int, due: int) -> float:
    """Seconds of the ticks that plan what is due among so many enrollments."""
    with writing(engine) as connection:
        for statement in _fill(connection, content, enrolled, due):
            connection.exec_driver_sql(statement)
    _settle(engine)
    began = time.perf_counter()
    while advance_followups(engine, content, NOW, 1_000):
        pass
    spent = time.perf_counter() - began
    with reading(engine) as connection:
        planned = connection.exec_driver_sql("SELECT count(*) FROM due_steps WHERE state = 'planned'").scalar_one()
        owed = connection.exec_driver_sql("SELECT count(*) FROM addressees").scalar_one()
    assert planned == owed == due, (planned, owed)
    return spent


def _fill(connection: Connection, content: Content, enrolled: int, due: int) -> Iterator[str]:
    """As if so many had been met: of every so many one has a step due, the others in four days."""
    for table in ("addressees", "due_steps", "enrollments", "mailings", "sequence_runs"):
        yield _EMPTY.format(table)
    begin_run(connection, "event:course", "course", Anchors("America/Denver"), timings_of(content.steps["course"]), MET)
    run = find_run(connection, "event:course")
    assert run is not None
    every, late = max(1, enrolled // due), to_millis(MET + timedelta(days=4))
    met = to_millis(MET)
    yield (
        "INSERT INTO enrollments (run_id, subscriber_id, occurrence, triggered_at, enrolled_at, status)"
        f" SELECT {run.id}, id, '', CASE WHEN id = id / {every} * {every} THEN {met} ELSE {late} END, {met}, 'active'"
        f" FROM subscribers WHERE id <= {enrolled} ORDER BY id"
    )
    days = [to_millis(at) - met for at in (MET + timedelta(days=3), MET + timedelta(days=10))]
    yield (
        "INSERT INTO due_steps (enrollment_id, step_id, run_id, subscriber_id, first_due_at, due_at, expires_at, state)"
        f" SELECT id, 'first', run_id, subscriber_id, triggered_at + {days[0]}, triggered_at + {days[0]},"
        f" triggered_at + {days[1]}, 'due' FROM enrollments ORDER BY id"
    )


def _settle(engine: Engine) -> None:
    """What a database does by itself in time, after its rows were all replaced."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _bare(engine: Engine, due: int) -> float:
    """Seconds of bare statements that write what a tick writes for so many steps; rolled back."""
    with engine.connect() as connection:
        began = time.perf_counter()
        some = f"SELECT enrollment_id FROM due_steps WHERE state = 'planned' ORDER BY enrollment_id LIMIT {due}"
        for statement in (
            f"UPDATE due_steps SET decided_at = {to_millis(NOW)} WHERE step_id = 'first' AND enrollment_id IN ({some})",
            "INSERT INTO due_steps (enrollment_id, step_id, run_id, subscriber_id, first_due_at, due_at, expires_at, state)"
            " SELECT enrollment_id, 'third', run_id, subscriber_id, due_at + 1, due_at + 1, expires_at, 'due'"
            f" FROM due_steps WHERE step_id = 'first' AND enrollment_id IN ({some})",
            "INSERT INTO addressees (mailing_id, subscriber_id, plan)"
            f" SELECT mailing_id, subscriber_id, 'free' FROM due_steps WHERE step_id = 'first' AND enrollment_id IN ({some})",
        ):
            connection.exec_driver_sql(statement)
        spent = time.perf_counter() - began
        connection.rollback()
    return spent


def _idle(engine: Engine, content: Content) -> tuple[float, float]:
    """Seconds it takes to find that nothing is due, and of a whole pass then; the median of several."""
    find, whole = [], []
    for _tick in range(IDLE_TICKS):
        began = time.perf_counter()
        with reading(engine) as connection:
            assert due_now(connection, NOW, {}, 1) == []
        find.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert advance_followups(engine, content, NOW, 1_000) == []
        whole.append(time.perf_counter() - began)
    return statistics.median(find), statistics.median(whole)


if __name__ == "__main__":
    main()
