"""Engines and transactions. One code path: what differs between SQLite and PostgreSQL is settled here.

SQLite runs in WAL mode, and every writing transaction starts with BEGIN IMMEDIATE: with SQLAlchemy's default,
two processes claimed 472 of 3,000 batches twice (measured; docs/delivery.md). An engine is opened lazily and
never crosses a fork: call `dispose(close=False)` in the child. Parameters are kept out of error messages, for
they hold addresses, and errors end in logs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import SQLAlchemyError as DatabaseError

from worker.errors import SettingsError

__all__ = [
    "Connection",
    "DatabaseError",
    "Engine",
    "again",
    "empty_log",
    "is_deadlock",
    "is_overtaken",
    "may_pass",
    "open_engine",
    "reading",
    "reading_steadily",
    "snapshot",
    "write",
    "writing",
]  # types for the other rooms

BUSY_SECONDS = 30  # a writer waits this long for SQLite's lock; transactions are far shorter
# PostgreSQL's own price of a random page is a spinning disk's. With it, and fresh statistics, reading one batch of 1,000
# walked a list of 50,000 from end to end (8 ms; 3 ms by the primary key). A batch is too small for JIT to pay.
_POSTGRES_OPTIONS = "-c random_page_cost=1.1 -c jit=off"
_TRIES = 3
_MOMENT_MILLIS = 2_000
_Result = TypeVar("_Result")


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://...`; opens no connection yet. Raises SettingsError for a wrong URL."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (DatabaseError, ValueError):  # their own words may quote the URL, which may hold a password
        raise SettingsError(["DATABASE_URL: must be sqlite:///path or postgresql://user:password@host/name"]) from None
    if backend == "sqlite":
        if parsed.database:
            folder = Path(parsed.database).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as wrong:
                raise SettingsError([f"DATABASE_URL: the folder {folder} cannot be made: {wrong.strerror}"]) from None
        engine = sqlalchemy.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend in ("postgresql", "postgres"):
        engine = sqlalchemy.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"options": _POSTGRES_OPTIONS},
        )
        event.listen(engine, "handle_error", _leave_out_rows)
        return engine
    raise SettingsError([f"DATABASE_URL: {backend} is not supported; use sqlite:///path or postgresql://..."])


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One writing transaction: committed at the end, rolled back on any exception."""
    with engine.begin() as connection:
        yield connection


def write(engine: Engine, act: Callable[[Connection], _Result]) -> _Result:
    """`act` in a writing transaction; once more where the database ended it in favour of another one, and again after that.

    For what a person asked for. Commands take a mailing before its batches, jobs the other way round: each in the order
    it learns of them, so now and then two wait for each other.
    """

    def once() -> _Result:
        with writing(engine) as connection:
            return act(connection)

    return again(once)


def again(act: Callable[[], _Result]) -> _Result:
    """What `act` returns, which opens transactions of its own and may be repeated: at most three times, as `write` does."""
    for tries_left in reversed(range(_TRIES)):
        try:
            return act()
        except DatabaseError as trouble:
            if not tries_left or not is_deadlock(trouble):
                raise
    raise AssertionError("unreachable")


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A writing transaction that sees one state of the database throughout (REPEATABLE READ on PostgreSQL)."""
    if engine.dialect.name == "sqlite":  # BEGIN IMMEDIATE already is one
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect() as opened:
        connection = opened.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads; on SQLite it takes no lock that a writer would wait for."""
    with engine.connect() as opened:
        connection = opened.execution_options(broadsheet_reads_only=True)
        with connection.begin():
            yield connection


@contextmanager
def reading_steadily(engine: Engine) -> Iterator[Connection]:
    """The same, and every statement sees one state of the database: for a long list whose rows belong together."""
    with engine.connect() as opened:
        options: dict[str, Any] = {"broadsheet_reads_only": True}
        if engine.dialect.name != "sqlite":  # there a transaction sees one state anyway
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        connection = opened.execution_options(**options)
        with connection.begin():
            yield connection


def may_pass(trouble: DatabaseError) -> bool:
    """Whether the same transaction may succeed a moment later: the database restarts, is locked or full, or out of reach."""
    return isinstance(trouble, OperationalError | InterfaceError)


def is_deadlock(trouble: DatabaseError) -> bool:
    """Whether the database ended this transaction in favour of another one; the same again will pass (PostgreSQL alone)."""
    return getattr(getattr(trouble, "orig", None), "sqlstate", None) == "40P01"


def is_overtaken(trouble: DatabaseError) -> bool:
    """Whether a `snapshot` wanted to change a row that somebody else changed after it was taken (PostgreSQL alone)."""
    return getattr(getattr(trouble, "orig", None), "sqlstate", None) == "40001"


def empty_log(engine: Engine) -> None:
    """What was just deleted leaves SQLite's write-ahead log too, unless somebody reads from it longer than a moment.

    PostgreSQL keeps dead rows until it vacuums and its log as long as it is set to; neither is ours to hurry.
    """
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_MOMENT_MILLIS}")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        cursor.close()
    finally:
        raw.close()


def _leave_out_rows(context: Any) -> None:
    """PostgreSQL adds to some errors the row or the key they are about: an address, for one."""
    for wrong in (context.original_exception, context.sqlalchemy_exception):
        if wrong is not None and wrong.args and isinstance(wrong.args[0], str):
            wrong.args = (wrong.args[0].partition("\nDETAIL:")[0], *wrong.args[1:])


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # the driver must not begin by itself; _begin_sqlite does
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL: a commit survives power loss. A submission whose row vanished could be posted again.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    # Who is erased leaves the file too. Some builds do so by themselves, others leave what was deleted where it stood.
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.execute("PRAGMA cache_size=-2000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get("broadsheet_reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
