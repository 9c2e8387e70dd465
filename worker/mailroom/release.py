"""The thread that lets scheduled mail go at its hour while the clock is the real one. A turned clock needs none."""

from __future__ import annotations

import threading

from worker.mailroom.scheduled import ScheduledMail
from worker.mailroom.turned_clock import TurnedClock

_JOIN_SECONDS = 5.0
_LONGEST_WAIT = 60.0


class ReleaseThread:
    """Sleeps until the next hour, or until something arrives."""

    def __init__(self, mail: ScheduledMail, clock: TurnedClock) -> None:
        self._mail = mail
        self._clock = clock
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="mailroom-release", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        with self._mail.changed:
            self._stopping = True
            self._mail.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def _run(self) -> None:
        with self._mail.changed:
            while not self._stopping:
                due = self._mail.next_at()
                wait = None
                if due is not None and not self._clock.stands:
                    self._mail.turn()
                    due = self._mail.next_at()
                    wait = None if due is None else min(max(due - self._clock.now(), 0.0), _LONGEST_WAIT)
                self._mail.changed.wait(wait)
