"""Launches: who converted and who wants to hear no more of one. What a launch is stands in `content/launches/`.

Both are facts about one reader and one launch, recorded once; nothing here follows from a link being opened,
because scanners open links.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.store.engine import Connection
from worker.store.tables import launch_conversions, launch_mutes

#: They pressed the button on their own page, paid (the shop told us), or stand in the author's list.
Conversion = Literal["applied", "bought", "csv"]


def convert(connection: Connection, launch_id: str, subscriber_id: int, how: Conversion, now: datetime) -> bool:
    """Record that a subscriber converted; True if this call was the first. How and when they first did stays."""
    return _record(connection, launch_conversions, launch_id, subscriber_id, how=how, converted_at=now)


def mute(connection: Connection, launch_id: str, subscriber_id: int, now: datetime) -> bool:
    """Record that a subscriber wants no more mail about this launch; True if this call was the first."""
    return _record(connection, launch_mutes, launch_id, subscriber_id, muted_at=now)


def has_converted(connection: Connection, launch_id: str, subscriber_id: int) -> bool:
    """Whether this subscriber converted."""
    return _has(connection, launch_conversions, launch_id, subscriber_id)


def has_muted(connection: Connection, launch_id: str, subscriber_id: int) -> bool:
    """Whether this subscriber muted the launch."""
    return _has(connection, launch_mutes, launch_id, subscriber_id)


def count_converted(connection: Connection, launch_id: str) -> int:
    """How many subscribers converted."""
    query = select(func.count()).where(launch_conversions.c.launch_id == launch_id)
    return int(connection.execute(query).scalar_one())


def _record(connection: Connection, table: Table, launch_id: str, subscriber_id: int, **values: Any) -> bool:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(table)
        .values(launch_id=launch_id, subscriber_id=subscriber_id, **values)
        .on_conflict_do_nothing()
        .returning(table.c.subscriber_id)
    )
    return connection.execute(statement).first() is not None


def _has(connection: Connection, table: Table, launch_id: str, subscriber_id: int) -> bool:
    query = select(table).where(table.c.launch_id == launch_id, table.c.subscriber_id == subscriber_id)
    return connection.execute(query).first() is not None
