"""Scheduled mail: what waits, under which batch id, and what was asked for that id (pause, cancel).

What SendGrid's documents leave open is an option. A mailroom that is stopped forgets what waits in it.
"""

from __future__ import annotations

import heapq
import itertools
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from worker.mailroom.parcel import Parcel, parcels

SLOTS = 10  # different ids paused or cancelled at a time: page "Cancel Scheduled Sends", 2026-07 (100 in 2021)
TOO_LATE_SECONDS = 600.0  # a cancellation later than this before the hour is "not guaranteed"
PAUSED_SECONDS = 72 * 3_600.0  # paused mail is thrown away so long after its hour
ID_SECONDS = 864_000.0  # an id is valid for ten days

Status = Literal["pause", "cancel"]


@dataclass(slots=True)
class Hold:
    """What was asked for an id. `since` is when it was first held; `cancelled_after` how much had arrived by the time
    it was cancelled (None while paused).
    """

    status: Status
    since: float
    cancelled_after: int | None


class Refusal(Exception):
    """What SendGrid would answer instead: a status, the error's text and its field."""

    def __init__(self, status: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.field = status, message, field


class ScheduledMail:
    """Thread-safe. `release(request, parcel, now)` hands over what goes; it is called with the lock held, once each."""

    def __init__(
        self,
        now: Callable[[], float],
        release: Callable[[dict[str, Any], Parcel, float], None],
        *,
        late_mail: Literal["discard", "deliver"],
        late_cancel: Literal["ignore", "refuse", "obey"],
    ) -> None:
        self._now = now
        self._release = release
        self._late_mail = late_mail
        self._late_cancel = late_cancel
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        self._ids: dict[str, float] = {}
        self._holds: dict[str, Hold] = {}
        self._heap: list[tuple[float, int, Parcel]] = []  # when to look at it, in which order, what
        self._order = itertools.count()
        self._arrived = 0
        self._counts: Counter[str] = Counter()

    # --- batch ids

    def reserve(self, does: bool) -> str:
        """A new batch id; unless it `does`, one that is worth nothing."""
        batch_id = secrets.token_hex(16)
        if does:
            with self._lock:
                self._ids[batch_id] = self._now()
        return batch_id

    def known(self, batch_id: str) -> bool:
        """Whether an id was reserved here in the last ten days."""
        with self._lock:
            return self._now() - self._ids.get(batch_id, float("-inf")) < ID_SECONDS

    # --- mail

    def take(self, request: Mapping[str, Any], message_id: str, now: float) -> None:
        """Keep a request until its hour, or let it go at once."""
        with self.changed:
            self._arrived += 1
            for parcel in parcels(request, message_id, self._arrived, now):
                heapq.heappush(self._heap, (parcel.due, next(self._order), parcel))
            self.turn()
            self.changed.notify_all()

    def turn(self) -> None:
        """Let go, or throw away, what is due."""
        with self._lock:
            now = self._now()
            while self._heap and self._heap[0][0] <= now:
                at, order, parcel = heapq.heappop(self._heap)
                hold = self._binding(parcel)
                if hold is None:
                    try:
                        self._release(parcel.request(), parcel, now)
                    except BaseException:  # a full disk: it has not gone, and is not lost
                        heapq.heappush(self._heap, (at, order, parcel))
                        raise
                    self._counts["released"] += parcel.messages if parcel.waits else 0
                elif hold.status == "pause" and now < parcel.due + PAUSED_SECONDS:
                    heapq.heappush(self._heap, (parcel.due + PAUSED_SECONDS, order, parcel))
                else:
                    self._counts["discarded"] += parcel.messages

    def wake(self) -> None:
        """The clock was turned."""
        with self.changed:
            self.turn()
            self.changed.notify_all()

    def next_at(self) -> float | None:
        """When `turn` has something to do; None while nothing waits."""
        with self._lock:
            return self._heap[0][0] if self._heap else None

    # --- what was asked

    def hold(self, batch_id: str, status: Status, does: bool) -> None:
        """Pause or cancel. Raises Refusal."""
        with self._lock:
            now = self._look(batch_id)
            if batch_id in self._holds:
                raise Refusal(400, "This batch id has a status already; update or delete it.", "batch_id")
            if len(self.statuses()) >= SLOTS:
                raise Refusal(400, f"At most {SLOTS} scheduled sends can be paused or cancelled at a time.")
            if self._late_cancel == "refuse" and any(one.due - now < TOO_LATE_SECONDS for one in self._under(batch_id)):
                raise Refusal(400, "It is less than 10 minutes to the scheduled time.", "batch_id")
            if does:
                self._holds[batch_id] = Hold(status, now, self._arrived if status == "cancel" else None)

    def change(self, batch_id: str, status: Status, does: bool) -> None:
        """Turn a pause into a cancellation, or back. Raises Refusal."""
        with self._lock:
            self._look(batch_id)
            hold = self._held(batch_id)
            if does and hold.status != status:
                hold.status = status
                hold.cancelled_after = self._arrived if status == "cancel" else None
                self._look_again(batch_id)

    def lift(self, batch_id: str, does: bool) -> None:
        """Take back a pause or cancellation: what still waits goes at its hour, or now if that has passed. Raises Refusal."""
        with self._lock:
            self._look(batch_id)
            self._held(batch_id)
            if does:
                del self._holds[batch_id]
                self._look_again(batch_id)

    def statuses(self) -> dict[str, Status]:
        """Every id that has one and has not ended."""
        with self._lock:
            return {batch_id: hold.status for batch_id, hold in self._holds.items() if self.known(batch_id)}

    # --- for whoever looks

    def counts(self) -> dict[str, int]:
        """Messages `waiting` now; that were scheduled and then `released`, or `discarded`."""
        with self._lock:
            self.turn()
            waiting = sum(parcel.messages for _, _, parcel in self._heap)
            return {"waiting": waiting, **{name: self._counts[name] for name in ("released", "discarded")}}

    def waiting(self) -> list[dict[str, Any]]:
        """What waits, the first to go first: `batch_id`, `send_at`, `message_id`, `messages`, `status` (or None)."""
        with self._lock:
            self.turn()
            return [
                {
                    "batch_id": parcel.batch_id,
                    "send_at": parcel.due,
                    "message_id": parcel.message_id,
                    "messages": parcel.messages,
                    "status": hold.status if (hold := self._binding(parcel)) else None,
                }
                for _, _, parcel in sorted(self._heap, key=lambda one: one[:2])
            ]

    def clear_counts(self) -> None:
        """Count from zero again; what waits goes on waiting."""
        with self._lock:
            self._counts.clear()

    # --- inside

    def _binding(self, parcel: Parcel) -> Hold | None:
        """What holds a parcel back, if anything does."""
        hold = self._holds.get(parcel.batch_id)
        if hold is None:
            return None
        if self._late_cancel != "obey" and hold.since > parcel.due - TOO_LATE_SECONDS:
            return None
        late = hold.cancelled_after is not None and parcel.number > hold.cancelled_after
        return None if late and self._late_mail == "deliver" else hold

    def _look(self, batch_id: str) -> float:
        """What is due goes first, so that nothing is held after its hour. The time; raises Refusal for a bad id."""
        self.turn()
        self._forget()
        if not self.known(batch_id):
            raise Refusal(400, "invalid batch id", "batch_id")
        return self._now()

    def _held(self, batch_id: str) -> Hold:
        if batch_id not in self._holds:
            raise Refusal(404, "This batch id is neither paused nor cancelled.")
        return self._holds[batch_id]

    def _forget(self) -> None:
        """Ids end after ten days. What was asked for them is no longer told, but holds for what still waits."""
        for batch_id in [one for one in self._holds if not self.known(one) and not self._under(one)]:
            del self._holds[batch_id]

    def _under(self, batch_id: str) -> list[Parcel]:
        return [parcel for _, _, parcel in self._heap if parcel.batch_id == batch_id]

    def _look_again(self, batch_id: str) -> None:
        """Something changed for an id: what waits under it past its hour is decided anew."""
        self._heap = [
            (parcel.due if parcel.batch_id == batch_id else at, order, parcel) for at, order, parcel in self._heap
        ]
        heapq.heapify(self._heap)
        self.turn()
        self.changed.notify_all()
