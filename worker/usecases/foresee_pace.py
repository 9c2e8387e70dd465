"""Foresee what the pace does to a broadcast: on how many days of a warm-up it goes, and until when it waits now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.domain.mailing import Queue
from worker.domain.pace import MESSAGE, pace_of
from worker.domain.publication import Publication
from worker.domain.warm_up import day_of
from worker.store.engine import Engine, reading
from worker.store.pace import ACCOUNT, read_buckets


@dataclass(frozen=True, slots=True)
class Waiting:
    """Until when no batch of a mailing may go, and why."""

    until: datetime
    because: str


def warm_up_days(engine: Engine, publication: Publication, messages: int, at: datetime | None = None) -> int | None:
    """On how many days so many messages go out from `at` (now) on; None where the warm-up sets no limit then.

    What today's mail has taken already counts where the mailing begins today; what other mail will take cannot.
    """
    if publication.warm_up is None or messages < 1:
        return None
    with reading(engine) as connection:
        buckets, now = read_buckets(connection)
    zone = publication.slot.zone
    today, first = day_of(now, zone).on, day_of(max(now, at or now), zone).on
    if publication.warm_up.maximum_on(first) is None:
        return None
    left = None
    pace = pace_of(None, None, None, publication.warm_up, zone)
    if first == today and pace.warm_up is not None:
        left = max(0, pace.warm_up.refill(buckets.get(pace.warm_up.name), now).tokens // MESSAGE)
    return publication.warm_up.days_for(messages, first, left)


def waiting_of(blocks: Mapping[str, datetime], queue: Queue) -> Waiting | None:
    """What keeps the mailings of a queue back, by what is blocked now; the later of the two where both are."""
    reasons = {
        ACCOUNT: "SendGrid's rate limit",
        queue.value: "the limits that RATE_PER_SECOND, RATE_PER_HOUR, RATE_PER_DAY and [warm_up] set",
    }
    found = [Waiting(blocks[name], because) for name, because in reasons.items() if name in blocks]
    return max(found, key=lambda one: one.until, default=None)
