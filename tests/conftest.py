"""Fixtures every folder may use. `engine` runs a test on SQLite and on PostgreSQL; `sqlite_engine` on SQLite alone."""

import os
import signal
import threading

from hypothesis import settings

pytest_plugins = ["tests.support.databases", "tests.support.valkey"]

settings.register_profile("default", deadline=None)  # how long an example takes is the machine's business
settings.register_profile("long", max_examples=5_000, deadline=None)  # `make fuzz`
if profile := os.environ.get("HYPOTHESIS_PROFILE"):
    settings.load_profile(profile)

# A shell without job control starts what runs in the background deaf to Ctrl-C, and every child would inherit that.
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
