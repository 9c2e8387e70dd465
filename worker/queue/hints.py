"""Turns what a use case returns into jobs. Called after its commit, by jobs, routes, commands and the clock."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from worker.domain.mailing import Queue
from worker.queue.connection import JobQueue

WINDOW_SECONDS = 10


class Hint(Protocol):
    """What is due: a function of worker/jobs.py, its mailing, the queue, and how many may usefully run at once."""

    @property
    def job(self) -> str: ...  # noqa: D102
    @property
    def mailing_id(self) -> int: ...  # noqa: D102
    @property
    def queue(self) -> Queue: ...  # noqa: D102
    @property
    def lanes(self) -> int: ...  # noqa: D102


def enqueue_hints(queue: JobQueue, hints: Iterable[Hint], *, window: str) -> int:
    """Enqueue each hint once per window and lane; returns how many are in Redis (0 when it is away)."""
    return sum(
        queue.enqueue(hint.queue, f"worker.jobs.{hint.job}", hint.mailing_id, window=f"{window}-{lane}")
        for hint in hints
        for lane in range(hint.lanes)
    )


def clock_window(now: datetime) -> str:
    """The ten seconds `now` lies in: within them, ticks offer a job once, however many there are."""
    return f"w{int(now.timestamp()) // WINDOW_SECONDS}"


def fresh_window() -> str:
    """A window of its own, for what was just committed and should start without waiting for the clock."""
    return f"n{secrets.token_hex(5)}"
