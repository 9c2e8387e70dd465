"""A copy of a small PostgreSQL database beside it, and the way back to it in a few milliseconds."""

from sqlalchemy import text

from worker.store.tables import metadata

_BESIDE = "kept"
_EVERY = [table.name for table in metadata.sorted_tables]
_SEQUENCES = "SELECT relname, pg_sequence_last_value(oid) FROM pg_class WHERE relkind = 'S'"


class KeptTables:
    """Keeps what every table holds now; `give_back` makes it so again, rows and ids alike."""

    def __init__(self, engine):
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {_BESIDE} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {_BESIDE}"))
            for name in _EVERY:
                connection.execute(text(f"CREATE TABLE {_BESIDE}.{name} AS TABLE {name}"))
            sequences = connection.execute(text(_SEQUENCES)).all()
        # Foreign keys are not looked at meanwhile. DELETE: TRUNCATE makes new files, a millisecond for each table.
        self._back = "; ".join(
            [
                "SET LOCAL session_replication_role = replica",
                *(f"DELETE FROM {name}" for name in _EVERY),
                *(f"INSERT INTO {name} OVERRIDING SYSTEM VALUE TABLE {_BESIDE}.{name}" for name in _EVERY),
                *(f"SELECT setval('{name}', {last or 1}, {last is not None})" for name, last in sequences),
            ]
        )

    def give_back(self):
        """As it was when this was made."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql(self._back)
