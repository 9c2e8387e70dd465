"""Fixtures every folder may use. `engine` runs a test on SQLite and on PostgreSQL; `sqlite_engine` on SQLite alone."""

import os

from hypothesis import settings

pytest_plugins = ["tests.support.databases", "tests.support.valkey"]

settings.register_profile("default", deadline=None)  # how long an example takes is the machine's business
settings.register_profile("long", max_examples=5_000, deadline=None)  # `make fuzz`
if profile := os.environ.get("HYPOTHESIS_PROFILE"):
    settings.load_profile(profile)
