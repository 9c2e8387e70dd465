"""Fixtures every folder may use. `engine` runs a test on SQLite and on PostgreSQL; `sqlite_engine` on SQLite alone."""

pytest_plugins = ["tests.support.databases", "tests.support.valkey"]
