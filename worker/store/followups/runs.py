"""Runs of sequences: begun once by their key, moved only by the conditional updates here."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Row, exists, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.run import Run
from worker.domain.sequence import Anchors, Timings, read_anchors, read_timings, write_anchors, write_timings
from worker.store.engine import Connection
from worker.store.ledger.moves import changed
from worker.store.tables import enrollments, mailings, sequence_runs


def begin_run(
    connection: Connection,
    key: str,
    sequence: str,
    anchors: Anchors,
    timings: Timings,
    now: datetime,
    launch_id: str | None = None,
) -> bool:
    """Begin a run; False (and nothing changes) where it has begun."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(sequence_runs)
        .values(
            key=key,
            sequence=sequence,
            launch_id=launch_id,
            anchors=json.dumps(write_anchors(anchors)),
            timings=json.dumps(write_timings(timings)),
            started_at=now,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(sequence_runs.c.id)
    )
    return connection.execute(statement).first() is not None


def open_runs(connection: Connection) -> list[Run]:
    """Every run that has not ended, oldest first."""
    query = select(sequence_runs).where(sequence_runs.c.ended_at.is_(None)).order_by(sequence_runs.c.id)
    return [_run(row) for row in connection.execute(query)]


def all_runs(connection: Connection) -> list[Run]:
    """Every run, ended ones too, oldest first."""
    return [_run(row) for row in connection.execute(select(sequence_runs).order_by(sequence_runs.c.id))]


def runs_of(connection: Connection, sequence: str) -> list[Run]:
    """Every run of a sequence, oldest first."""
    query = select(sequence_runs).where(sequence_runs.c.sequence == sequence).order_by(sequence_runs.c.id)
    return [_run(row) for row in connection.execute(query)]


def runs_by_id(connection: Connection, ids: Collection[int]) -> dict[int, Run]:
    """These runs, ended ones too."""
    query = select(sequence_runs).where(sequence_runs.c.id.in_(sorted(ids)))
    return {row.id: _run(row) for row in connection.execute(query)}


def find_run(connection: Connection, key: str) -> Run | None:
    """The run with this key, or None."""
    row = connection.execute(select(sequence_runs).where(sequence_runs.c.key == key)).first()
    return None if row is None else _run(row)


def end_run(connection: Connection, run_id: int, now: datetime) -> bool:
    """Nothing of it is left to come."""
    statement = update(sequence_runs).where(sequence_runs.c.id == run_id, sequence_runs.c.ended_at.is_(None))
    return changed(connection, statement.values(ended_at=now)) == 1


def reopen_run(connection: Connection, run_id: int) -> bool:
    """There may be something left of it after all."""
    statement = update(sequence_runs).where(sequence_runs.c.id == run_id, sequence_runs.c.ended_at.is_not(None))
    return changed(connection, statement.values(ended_at=None)) == 1


def rename_run(connection: Connection, run: Run, sequence: str, key: str) -> bool:
    """Its folder has another name: its mailings find their texts there. False where another clock was first."""
    other = sequence_runs.alias()
    statement = update(sequence_runs).where(
        sequence_runs.c.id == run.id,
        sequence_runs.c.sequence == run.sequence,
        ~exists().where(other.c.key == key, other.c.id != run.id),
    )
    if changed(connection, statement.values(sequence=sequence, key=key)) != 1:
        return False
    texts = update(mailings).where(mailings.c.run_id == run.id, mailings.c.step_id.is_not(None))
    connection.execute(texts.values(source=literal(f"step:{sequence}/") + mailings.c.step_id))
    return True


def move_enrolled(connection: Connection, run: Run, through: int, joined: datetime | None) -> bool:
    """Note how far its readers are enrolled; False where another clock was first, and then nothing else may be written."""
    statement = update(sequence_runs).where(
        sequence_runs.c.id == run.id,
        sequence_runs.c.enrolled_through == run.enrolled_through,
        sequence_runs.c.joined_through.is_not_distinct_from(run.joined_through),
    )
    return changed(connection, statement.values(enrolled_through=through, joined_through=joined)) == 1


def move_rederived(connection: Connection, run: Run, through: int | None) -> bool:
    """Note how far its hours are derived anew, None: to the end; False where another clock was first."""
    statement = update(sequence_runs).where(
        sequence_runs.c.id == run.id, sequence_runs.c.rederived_through == run.rederived_through
    )
    return changed(connection, statement.values(rederived_through=through)) == 1


def agree(connection: Connection, run: Run, anchors: Anchors, timings: Timings) -> bool:
    """Take over other hours; False where the run is not as it was read any more. Its readers' hours are to be derived anew."""
    statement = update(sequence_runs).where(
        sequence_runs.c.id == run.id,
        sequence_runs.c.anchors == json.dumps(write_anchors(run.anchors)),
        sequence_runs.c.timings == json.dumps(write_timings(run.timings)),
    )
    values = {
        "anchors": json.dumps(write_anchors(anchors)),
        "timings": json.dumps(write_timings(timings)),
        "needs_attention": None,
        "rederived_through": 0,
        "ended_at": None,
    }
    return changed(connection, statement.values(values)) == 1


def say_attention(connection: Connection, run: Run, why: str | None) -> bool:
    """Note why a person should look at it, or that nobody need."""
    statement = update(sequence_runs).where(
        sequence_runs.c.id == run.id, sequence_runs.c.needs_attention.is_distinct_from(why)
    )
    return changed(connection, statement.values(needs_attention=why)) == 1


def has_enrolled(connection: Connection, run_id: int) -> bool:
    """Whether anybody is or was in it."""
    return bool(connection.execute(select(exists().where(enrollments.c.run_id == run_id))).scalar())


def _run(row: Row[Any]) -> Run:
    return Run(
        id=row.id,
        key=row.key,
        sequence=row.sequence,
        launch_id=row.launch_id,
        anchors=read_anchors(json.loads(row.anchors)),
        timings=read_timings(json.loads(row.timings)),
        started_at=row.started_at,
        enrolled_through=row.enrolled_through,
        joined_through=row.joined_through,
        rederived_through=row.rederived_through,
        ended_at=row.ended_at,
        needs_attention=row.needs_attention,
    )
