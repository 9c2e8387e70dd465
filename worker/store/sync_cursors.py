"""How far lists kept elsewhere have been read, and when a task on them may be tried next.

A task's row is a lease and a timetable in one: `synced_at` is when it last went through, `position` (milliseconds) the
time before which nobody need try again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.store.engine import Connection
from worker.store.instants import from_millis, to_millis
from worker.store.tables import sync_cursors

_NEVER = from_millis(0)


def read_cursor(connection: Connection, name: str) -> str:
    """The position under this name; empty where nothing has been read."""
    found = connection.execute(select(sync_cursors.c.position).where(sync_cursors.c.name == name)).scalar_one_or_none()
    return found or ""


def write_cursor(connection: Connection, name: str, position: str, at: datetime) -> None:
    """Write it, in the transaction of what was read up to there."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"position": position, "synced_at": at}
    statement = insert(sync_cursors).values(name=name, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[sync_cursors.c.name], set_=values))


def is_due(connection: Connection, task: str, now: datetime, every: timedelta) -> bool:
    """Whether a task is due: its last run lies `every` back, and its next try is not put off."""
    query = select(sync_cursors.c.position, sync_cursors.c.synced_at).where(sync_cursors.c.name == task)
    row = connection.execute(query).one_or_none()
    return row is None or (row.synced_at <= now - every and _millis(row.position) <= to_millis(now))


def take_turn(connection: Connection, task: str, now: datetime, every: timedelta, lease: timedelta) -> bool:
    """Take this occurrence of a task, for the length of a lease; False where it is not due or somebody else has it."""
    if not is_due(connection, task, now, every):
        return False
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    seed = insert(sync_cursors).values(name=task, position="", synced_at=_NEVER)
    connection.execute(seed.on_conflict_do_nothing(index_elements=[sync_cursors.c.name]))
    before = read_cursor(connection, task)
    taken = connection.execute(
        update(sync_cursors)
        .where(sync_cursors.c.name == task, sync_cursors.c.position == before, sync_cursors.c.synced_at <= now - every)
        .values(position=str(to_millis(now + lease)))
    )
    return taken.rowcount == 1


def end_turn(connection: Connection, task: str, now: datetime) -> None:
    """The task went through."""
    write_cursor(connection, task, "", now)


def put_off(connection: Connection, task: str, until: datetime) -> None:
    """It did not; nobody need try before `until`."""
    connection.execute(update(sync_cursors).where(sync_cursors.c.name == task).values(position=str(to_millis(until))))


def _millis(position: str) -> int:
    return int(position) if position.isdigit() else 0
