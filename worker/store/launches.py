"""Launches: who converted and who wants to hear no more of one. What a launch is stands in `content/launches/`.

Both are facts about one reader and one launch, recorded once; nothing here follows from a link being opened,
because scanners open links. A tag converts too (`converted_by`), but as a rule: it is asked, never copied.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Table, delete, exists, func, literal, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from worker.store.engine import Connection
from worker.store.instants import Instant
from worker.store.rows import among
from worker.store.tables import (
    launch_calls,
    launch_conversions,
    launch_mutes,
    launch_notes,
    subscriber_tags,
    subscribers,
)

#: They pressed the button on their own page, paid (the shop told us), or stand in the author's list.
Conversion = Literal["applied", "bought", "csv"]


def is_converted(launch_id: str, subscriber_id: ColumnElement[int]) -> ColumnElement[bool]:
    """In SQL: a conversion is recorded, or the reader has the launch's tag at this moment."""
    rows = launch_conversions.alias()  # of its own, so that a query that reads the same table is not taken for it
    recorded = exists().where(rows.c.launch_id == launch_id, rows.c.subscriber_id == subscriber_id)
    return or_(recorded, has_its_tag(launch_id, subscriber_id))


def has_its_tag(launch_id: str, subscriber_id: ColumnElement[int]) -> ColumnElement[bool]:
    """In SQL: the reader has the tag that converts to this launch, if one does."""
    notes, tags = launch_notes.alias(), subscriber_tags.alias()
    return exists().where(
        notes.c.launch_id == launch_id,
        notes.c.converted_by != "",
        tags.c.tag == notes.c.converted_by,
        tags.c.subscriber_id == subscriber_id,
    )


def is_muted(launch_id: str, subscriber_id: ColumnElement[int]) -> ColumnElement[bool]:
    """In SQL: the reader wants to hear no more of this launch."""
    rows = launch_mutes.alias()
    return exists().where(rows.c.launch_id == launch_id, rows.c.subscriber_id == subscriber_id)


def convert(connection: Connection, launch_id: str, subscriber_id: int, how: Conversion, now: datetime) -> bool:
    """Record that a subscriber converted; True if this call was the first. How and when they first did stays."""
    return bool(convert_all(connection, launch_id, [subscriber_id], how, now))


def convert_all(
    connection: Connection, launch_id: str, subscriber_ids: Collection[int], how: Conversion, now: datetime
) -> frozenset[int]:
    """The same for many in one statement; returns for whom this call was the first."""
    if not subscriber_ids:
        return frozenset()
    chosen = (
        select(literal(launch_id), subscribers.c.id, literal(how), literal(now, Instant))
        .where(among(connection, subscribers.c.id, sorted(subscriber_ids)))
        .order_by(subscribers.c.id)
    )
    statement = (
        _insert(connection, launch_conversions)
        .from_select(["launch_id", "subscriber_id", "how", "converted_at"], chosen)
        .on_conflict_do_nothing()
        .returning(launch_conversions.c.subscriber_id)
    )
    return frozenset(connection.execute(statement).scalars())


def mute(connection: Connection, launch_id: str, subscriber_id: int, now: datetime) -> bool:
    """Record that a subscriber wants no more mail about this launch; True if this call was the first."""
    statement = (
        _insert(connection, launch_mutes)
        .values(launch_id=launch_id, subscriber_id=subscriber_id, muted_at=now)
        .on_conflict_do_nothing()
        .returning(launch_mutes.c.subscriber_id)
    )
    return connection.execute(statement).first() is not None


def unmute(connection: Connection, launch_id: str, subscriber_id: int) -> bool:
    """Take that back; True if there was something to take back."""
    statement = delete(launch_mutes).where(
        launch_mutes.c.launch_id == launch_id, launch_mutes.c.subscriber_id == subscriber_id
    )
    return connection.execute(statement).rowcount == 1


def has_converted(connection: Connection, launch_id: str, subscriber_id: int) -> bool:
    """Whether this subscriber converted, by a record or by the launch's tag."""
    query = select(subscribers.c.id).where(subscribers.c.id == subscriber_id, is_converted(launch_id, subscribers.c.id))
    return connection.execute(query).first() is not None


def has_muted(connection: Connection, launch_id: str, subscriber_id: int) -> bool:
    """Whether this subscriber muted the launch."""
    query = select(launch_mutes.c.subscriber_id).where(
        launch_mutes.c.launch_id == launch_id, launch_mutes.c.subscriber_id == subscriber_id
    )
    return connection.execute(query).first() is not None


def who_converted(connection: Connection, launch_id: str, subscriber_ids: Collection[int]) -> frozenset[int]:
    """Those among them whose conversion is recorded."""
    query = select(launch_conversions.c.subscriber_id).where(
        launch_conversions.c.launch_id == launch_id,
        among(connection, launch_conversions.c.subscriber_id, sorted(subscriber_ids)),
    )
    return frozenset(connection.execute(query).scalars())


def count_converted(connection: Connection, launch_id: str) -> int:
    """How many subscribers converted, each once."""
    query = select(func.count()).select_from(subscribers).where(is_converted(launch_id, subscribers.c.id))
    return int(connection.execute(query).scalar_one())


def count_muted(connection: Connection, launch_id: str) -> int:
    """How many muted it."""
    query = select(func.count()).where(launch_mutes.c.launch_id == launch_id)
    return int(connection.execute(query).scalar_one())


class Note(NamedTuple):
    """What the database knows of a launch's file: the tag that converts to it (empty: none does), and its close."""

    converted_by: str
    closes_at: datetime


def known_launches(connection: Connection) -> dict[str, Note]:
    """By id, as last noted."""
    rows = connection.execute(select(launch_notes))
    return {row.launch_id: Note(row.converted_by, row.closes_at) for row in rows}


def note_launch(connection: Connection, launch_id: str, note: Note) -> None:
    """Note it. What is not noted any more stays: a file that is gone while its last mails are on their way must not make
    anybody unconverted."""
    statement = _insert(connection, launch_notes).values(launch_id=launch_id, **note._asdict())
    connection.execute(statement.on_conflict_do_update(index_elements=["launch_id"], set_=note._asdict()))


def take_call(connection: Connection, signature: str, now: datetime, remembered: timedelta) -> bool:
    """Remember a signed call; False for one that was taken before. What is older than `remembered` is forgotten."""
    connection.execute(delete(launch_calls).where(launch_calls.c.received_at < now - remembered))
    statement = (
        _insert(connection, launch_calls)
        .values(signature=signature, received_at=now)
        .on_conflict_do_nothing()
        .returning(launch_calls.c.signature)
    )
    return connection.execute(statement).first() is not None


def _insert(connection: Connection, table: Table) -> Any:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
