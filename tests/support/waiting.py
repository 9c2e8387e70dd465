"""Waiting for a condition with a deadline, for tests with real processes. Never a bare sleep."""

import os
import time
from pathlib import Path


def until(condition, *, seconds=20.0, what="the condition"):
    """The first true value of `condition()`; AssertionError once the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds:g} s"
        time.sleep(0.01)


def is_gone(pid):
    """Whether a process has ended (a zombie has)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return Path("/proc").exists()  # it ended meanwhile; a system without /proc shows no zombies
