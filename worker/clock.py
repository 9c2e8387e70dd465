"""The process that knows the time. Owns the loop, the lease and the windows; what is due is worker/usecases/tick.py's.

Every few seconds it derives from the database what is due and enqueues it again. So emptying Redis, losing a job or
a worker costs a few seconds and never a mail. Any number of clocks may run: one ticks, the others stand by.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from worker.logs import say
from worker.queue.connection import JobQueue
from worker.queue.hints import clock_window, enqueue_hints
from worker.queue.stopping import StopFlag
from worker.store.clock_lease import hold_clock, note_tick, release_clock
from worker.store.engine import Engine
from worker.store.installation import Mark
from worker.usecases.due import Due
from worker.usecases.tick import tick
from worker.usecases.watch_restore import look_for_restore

if TYPE_CHECKING:
    from worker.context import Context

log = logging.getLogger("broadsheet.clock")

LEASE_SECONDS = 6.0
STEP_SECONDS = 1.0  # how often the lease is renewed or tried for: another clock takes over within seven seconds


def find_due(context: Context, now: datetime | None = None) -> list[Due]:
    """One tick: what is due at `now`, or at the database's time where none is given. Running it again is harmless."""
    settings = context.settings
    look_for_restore(context.engine, Mark(settings.path(settings.state_dir)))
    return tick(
        context.engine,
        context.content,
        now=now,
        batch_size=settings.batch_size,
        lanes=settings.bulk_workers,
        pace=context.pace,
        alert_address=settings.alert_address,
        lists=bool(settings.sendgrid_api_key.get_secret_value()),
    )


def enqueue_due(queue: JobQueue, due: Iterable[Due], now: datetime) -> int:
    """Offer what is due, at most once in each ten seconds and lane; returns how many offers are in Redis."""
    return enqueue_hints(queue, due, window=clock_window(now))


def run_clock(context: Context) -> None:
    """Tick until SIGTERM or SIGINT, which end it between two steps."""
    stop = StopFlag()
    stop.listen()
    clock = Clock(context.engine, context.queue, lambda: find_due(context), context.settings.tick_seconds)
    clock.run(stop)


class Clock:
    """One clock. `find` returns what is due; `tick_seconds` lie between the starts of two ticks."""

    def __init__(self, engine: Engine, queue: JobQueue, find: Callable[[], Iterable[Due]], tick_seconds: float) -> None:
        self._engine = engine
        self._queue = queue
        self._find = find
        self._tick_seconds = tick_seconds
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        self._holds = False
        self._next_tick = 0.0  # on the monotonic clock

    def run(self, stop: StopFlag) -> None:
        """Step until `stop`; then give the lease back. What goes wrong in a step is logged and tried again."""
        say(log, logging.INFO, "clock started", holder=self._holder)
        while not stop.asked:
            began = time.monotonic()
            try:
                self.step()
            except Exception as trouble:  # a database or a file that is away now may be back in a moment
                log.error("tick failed: %s", type(trouble).__name__, exc_info=trouble)
            stop.wait(max(0.0, began + min(STEP_SECONDS, self._tick_seconds) - time.monotonic()))
        self._give_back()
        say(log, logging.INFO, "clock stopped", holder=self._holder)

    def step(self) -> bool:
        """Renew or try for the lease, and tick if it is ours and time has come; whether it ticked."""
        held, self._holds = self._holds, False
        self._holds = hold_clock(self._engine, self._holder, LEASE_SECONDS)
        if self._holds != held:
            say(log, logging.INFO, "clock ticks" if self._holds else "clock stands by", holder=self._holder)
        began = time.monotonic()
        if not self._holds or began < self._next_tick:
            return False
        self._next_tick = began + self._tick_seconds
        due = list(self._find())
        note_tick(self._engine)
        enqueue_due(self._queue, due, datetime.now(UTC))
        return True

    def _give_back(self) -> None:
        try:
            if self._holds:
                release_clock(self._engine, self._holder)
        except Exception as trouble:  # the lease runs out by itself
            say(log, logging.WARNING, "lease not given back", trouble=type(trouble).__name__)
