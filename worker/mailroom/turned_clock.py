"""The mailroom's clock: the real one, until somebody turns it. Once turned it stands still, so that tests can."""

from __future__ import annotations

import threading
import time


class TurnedClock:
    """Unix seconds. Thread-safe."""

    def __init__(self, now: float | None = None) -> None:
        """`now` stops it at once at that moment."""
        self._lock = threading.Lock()
        self._stands_at = now

    def now(self) -> float:
        """The mailroom's time."""
        stands_at = self._stands_at
        return time.time() if stands_at is None else stands_at

    @property
    def stands(self) -> bool:
        """Whether it was turned."""
        return self._stands_at is not None

    def turn(self, now: float) -> None:
        """Stop at this moment."""
        with self._lock:
            self._stands_at = float(now)

    def advance(self, seconds: float) -> None:
        """Stop so much later than it is now."""
        with self._lock:
            self._stands_at = self.now() + seconds

    def run(self) -> None:
        """Be the real clock again."""
        with self._lock:
            self._stands_at = None
