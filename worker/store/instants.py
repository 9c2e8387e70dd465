"""Time in the database: whole milliseconds since 1970 in a BIGINT, aware UTC datetimes outside.

One representation on SQLite and PostgreSQL makes lease arithmetic the same on both. `DatabaseNow()` is the
database's own clock, which every host shares; leases live on it alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, literal
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def to_millis(at: datetime) -> int:
    """Milliseconds since 1970 of an aware datetime, rounded down."""
    if at.tzinfo is None:
        raise ValueError("an instant needs an offset; a naive datetime is a wall time")
    return (at - _EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=millis)


class Instant(TypeDecorator[datetime]):
    """A column of instants."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Datetime to milliseconds."""
        return None if value is None else to_millis(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Milliseconds to datetime."""
        return None if value is None else from_millis(value)


class DatabaseNow(FunctionElement[datetime]):
    """The database's clock, in milliseconds, as an expression; `DatabaseNow(30_000)` is half a minute from now."""

    type = Instant()
    inherit_cache = True  # the offset is a parameter of the function, so it is part of the statement's cache key

    def __init__(self, plus_millis: int = 0) -> None:
        super().__init__(literal(int(plus_millis), BigInteger))


@compiles(DatabaseNow, "sqlite")
def _sqlite(element: DatabaseNow, compiler: Any, **kw: Any) -> str:
    # unixepoch('subsec') needs SQLite 3.42; julianday is exact to well under a millisecond.
    plus = compiler.process(element.clauses, **kw)
    return f"(CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) + {plus})"


@compiles(DatabaseNow, "postgresql")
def _postgresql(element: DatabaseNow, compiler: Any, **kw: Any) -> str:
    # clock_timestamp, not now(): a transaction that waited for a lock must not live in the past.
    plus = compiler.process(element.clauses, **kw)
    return f"(CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) + CAST({plus} AS BIGINT))"
