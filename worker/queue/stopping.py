"""SIGTERM as a question instead of an end. Owns one flag per process; must not end anything by itself.

A call to the provider that is cut off leaves a batch nobody can vouch for. So a job that calls it is never
ended by SIGTERM: it sees the flag, finishes its batch, and takes no more.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_asked = threading.Event()


def stopping() -> bool:
    """Whether this process was asked to end."""
    return _asked.is_set()


def defer_for_good() -> None:
    """From now on SIGTERM only raises the flag. For a work-horse, which ends with its job anyway."""
    _asked.clear()  # a fork copies the parent's flag
    signal.signal(signal.SIGTERM, _raise_flag)


@contextmanager
def deferred_stop() -> Iterator[Callable[[], bool]]:
    """Inside, SIGTERM and SIGINT only raise the flag; yields `stopping`, to be asked between two batches.

    Afterwards a signal that came meanwhile is delivered to whoever listened before. Outside the main thread,
    where Python cannot change signals, it only yields `stopping`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    came: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        came.append(signum)
        _asked.set()

    before = {signum: signal.signal(signum, note) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for signum, listener in before.items():
            signal.signal(signum, listener)
        if came:
            if before[signal.SIGTERM] is not _raise_flag:
                _asked.clear()
            os.kill(os.getpid(), came[0])


def _raise_flag(_signum: int, _frame: FrameType | None) -> None:
    _asked.set()
