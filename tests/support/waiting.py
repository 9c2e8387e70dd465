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
    """Whether a process has ended (a zombie has, once all its threads have: until then its files and locks are held)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return zombie and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return Path("/proc").exists()  # it ended meanwhile; a system without /proc shows no zombies
