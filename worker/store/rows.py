"""Many rows in one statement: they travel as one JSON parameter, so a statement's text is the same for one row and for
a thousand, and neither compiling nor binding costs anything per row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import ARRAY, Column, ColumnElement, TextClause, any_, bindparam, func, literal_column, select, text

from worker.store.engine import Connection

Columns = Mapping[str, str]  # name -> `text` or `bigint`


def rows_source(connection: Connection, columns: Columns) -> str:
    """What to put after FROM to read the rows of the parameter `:rows`, as the table `given` with these columns."""
    if connection.dialect.name == "postgresql":
        shape = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        return f"json_to_recordset(CAST(:rows AS json)) AS given({shape})"
    fields = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns)
    return f"(SELECT {fields} FROM json_each(:rows)) AS given"  # noqa: S608


def encode_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """The parameter. Raises TypeError for half a surrogate pair or a number past 64 bits; NUL must not occur."""
    return orjson.dumps(rows).decode()


def statement(sql: str) -> TextClause:
    """A statement with `:rows`. Names in `sql` come from the code alone."""
    return text(sql)


def among(connection: Connection, column: Column[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """The column is one of these values, which travel as one parameter: `in_` costs something for each of them."""
    if connection.dialect.name == "postgresql":
        return column == any_(bindparam(None, list(values), type_=ARRAY(column.type), unique=True))
    listed = func.json_each(bindparam(None, orjson.dumps(list(values)).decode(), unique=True)).table_valued("value")
    return column.in_(select(literal_column("value")).select_from(listed))
