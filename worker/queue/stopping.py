"""SIGTERM as a question instead of an end. Owns one flag per process; must not end anything by itself.

A call to the provider that is cut off leaves a batch nobody can vouch for. So a job that calls it is never
ended by SIGTERM: it sees the flag, finishes its batch, and takes no more.

A flag here is a plain attribute: threading.Event takes a lock, and a signal that arrives while the same thread
waits for that event can then lock it up for ever.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_LOOK_SECONDS = 0.05


class StopFlag:
    """Whether somebody asked for an end. Made to be raised by a signal."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """From now on SIGTERM and SIGINT raise the flag, and do nothing else."""
        signal.signal(signal.SIGTERM, self.hear)
        signal.signal(signal.SIGINT, self.hear)

    def hear(self, _signum: int, _frame: FrameType | None) -> None:
        """The signals' listener."""
        self.asked = True

    def wait(self, seconds: float) -> bool:
        """Sleep so long, or until the flag is up; whether it is."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
        return self.asked


_ours = StopFlag()


def stopping() -> bool:
    """Whether this process was asked to end."""
    return _ours.asked


def defer_for_good() -> None:
    """From now on SIGTERM only raises the flag. For a work-horse, which ends with its job anyway."""
    _ours.asked = False  # a fork copies its parent's
    signal.signal(signal.SIGTERM, _ours.hear)


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
        _ours.asked = True

    before = {signum: signal.signal(signum, note) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for signum, listener in before.items():
            signal.signal(signum, listener)
        if came:
            if before[signal.SIGTERM] != _ours.hear:
                _ours.asked = False
            os.kill(os.getpid(), came[0])
