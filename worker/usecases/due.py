"""What a use case asks to be enqueued after its commit. A hint, not a record: the clock finds it again by itself."""

from __future__ import annotations

from dataclasses import dataclass

from worker.domain.mailing import Queue


@dataclass(frozen=True, slots=True)
class Due:
    """A job by its name in worker/jobs.py, and the mailing it is for. `lanes` is how many may usefully run at once."""

    job: str
    mailing_id: int
    queue: Queue
    lanes: int = 1
