"""Everything a database holds, as text, for tests that something is nowhere in it."""

from sqlalchemy import select

from worker.store.engine import reading
from worker.store.tables import metadata


def everything(engine):
    """Every row of every table, by table."""
    with reading(engine) as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }


def where_it_stands(engine, *words):
    """(table, row) of every row in which one of these words stands, in whatever case."""
    return [
        (table, row)
        for table, rows in everything(engine).items()
        for row in rows
        if any(word.lower() in row.lower() for word in words)
    ]
