"""The schema itself: migrations and the code's tables agree."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from worker.errors import BroadsheetError
from worker.store.engine import open_engine
from worker.store.schema import migrate, require_current
from worker.store.tables import metadata


def test_migrations_make_exactly_the_tables_the_code_knows(engine):
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_migrating_twice_changes_nothing(engine):
    migrate(engine)
    require_current(engine)


def test_an_empty_database_is_refused_with_the_command_that_mends_it(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(BroadsheetError, match="broadsheet migrate"):
        require_current(engine)
    engine.dispose()


def test_the_first_migration_makes_the_storage_that_metadata_cannot_compare(sqlite_engine):
    """WITHOUT ROWID and fillfactor are no part of autogenerate's comparison, so they are looked at by name."""
    with sqlite_engine.connect() as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%' ORDER BY name"
        found = list(connection.exec_driver_sql(query).scalars())
    wanted = sorted(t.name for t in metadata.sorted_tables if t.dialect_options["sqlite"]["with_rowid"] is False)
    assert found == wanted
