"""What every table shares: one metadata, the type of ids, and indexes over some rows alone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, MetaData, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in exactly INTEGER


def only(condition: str) -> dict[str, Any]:
    """An index of those rows alone."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
