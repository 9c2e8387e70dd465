"""Counts: requests, messages, who got how many, which delivery came twice, how requests were answered.

Cheap enough to count a million messages while they are measured. Keeps no message.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any


class Tally:
    """Thread-safe counts since the start (or the last `clear`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Start again from zero."""
        with self._lock:
            self._requests = self._accepted = self._messages = self._duplicates = 0
            self._answers: Counter[str] = Counter()
            self._addresses: Counter[str] = Counter()
            self._deliveries: set[str] = set()
            self._repeated: set[str] = set()
            self._scheduled: set[str] = set()  # accepted for later; what became of them is not asked here
            self._accepted_again = self._released_again = 0

    def requested(self) -> None:
        """A mail send request has begun to arrive."""
        with self._lock:
            self._requests += 1

    def answered(self, status: int | str) -> None:
        """A mail send request was answered with a status, or `"none"`: dropped, silent, garbage."""
        with self._lock:
            self._answers[str(status)] += 1

    def accepted(self, addresses: Sequence[str], deliveries: Sequence[str]) -> None:
        """A request was accepted and goes at once: everyone it goes to, and the delivery ids it carried."""
        with self._lock:
            self._accepted += 1
            if self._scheduled:
                self._accepted_again += len(self._scheduled.intersection(deliveries) - self._deliveries)
            self._go(addresses, deliveries)

    def scheduled(self, deliveries: Sequence[str]) -> None:
        """A request was accepted and may go later, or never."""
        with self._lock:
            self._accepted += 1
            fresh = set(deliveries) - self._scheduled - self._deliveries
            self._scheduled |= fresh
            self._accepted_again += len(deliveries) - len(fresh)

    def released(self, addresses: Sequence[str], deliveries: Sequence[str]) -> None:
        """Scheduled mail goes."""
        with self._lock:
            before = self._duplicates
            self._go(addresses, deliveries)
            self._released_again += self._duplicates - before

    def _go(self, addresses: Sequence[str], deliveries: Sequence[str]) -> None:
        self._messages += len(addresses)
        self._addresses.update(addresses)
        before = len(self._deliveries)
        fresh = set(deliveries)
        again = fresh & self._deliveries if self._deliveries else set()
        self._deliveries |= fresh
        self._duplicates += len(deliveries) - (len(self._deliveries) - before)
        if again or len(fresh) != len(deliveries):
            self._repeated |= again | {one for one, times in Counter(deliveries).items() if times > 1}

    def deliveries(self) -> set[str]:
        """Every delivery id that went to a reader so far."""
        with self._lock:
            return set(self._deliveries)

    def accepted_deliveries(self) -> set[str]:
        """Every delivery id accepted so far, gone, waiting or thrown away."""
        with self._lock:
            return self._deliveries | self._scheduled

    def repeated_deliveries(self) -> set[str]:
        """The delivery ids that went more than once."""
        with self._lock:
            return set(self._repeated)

    def per_address(self) -> dict[str, int]:
        """How many messages went to each address (lower case)."""
        with self._lock:
            return dict(self._addresses)

    def counts(self) -> dict[str, Any]:
        """`requests`, `accepted` (requests), `messages`, `addresses` (different ones), `deliveries`, `duplicates`, `answers`.

        Messages, addresses, deliveries and duplicates count what readers get: scheduled mail from its hour on.
        `duplicates` counts a delivery id's messages beyond its first. `accepted_deliveries` and `accepted_duplicates`
        count what was taken, whatever became of it.
        """
        with self._lock:
            return {
                "requests": self._requests,
                "accepted": self._accepted,
                "messages": self._messages,
                "addresses": len(self._addresses),
                "deliveries": len(self._deliveries),
                "duplicates": self._duplicates,
                "accepted_deliveries": len(self._deliveries | self._scheduled)
                if self._scheduled
                else len(self._deliveries),
                "accepted_duplicates": self._duplicates - self._released_again + self._accepted_again,
                "answers": dict(self._answers),
            }
