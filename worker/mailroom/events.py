"""Posts signed events in the background, in arrays of some hundred, trying each array a few times.

One thread owns the connection and builds the events, so that taking mail costs no more for it. What the other side
never takes is counted as lost, not kept: SendGrid too gives up after a day.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from worker.domain.web_address import taken_apart
from worker.errors import UsageError
from worker.mailroom.outcomes import Event, Part, event_body, events_of
from worker.mailroom.signing import Signer

ARRAY_SIZE = 400
_CALL_SECONDS = 10.0
_JOIN_SECONDS = 5.0


class EventPoster:
    """`start()`, then `mail_taken` and `post` from any thread; `settle` waits, `stop` drops what is left."""

    def __init__(
        self, url: str, signer: Signer, *, retry_seconds: Sequence[float], array_size: int = ARRAY_SIZE
    ) -> None:
        parts = taken_apart(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("events_url is no web address", fix="give one such as http://127.0.0.1:8025/events")
        self._url = parts
        self._signer = signer
        self._retries = tuple(retry_seconds)
        self._array_size = array_size
        self._waiting: deque[Iterator[Event]] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._stopping = threading.Event()
        self._posted = self._lost = self._calls = 0
        self._connection: http.client.HTTPConnection | None = None
        self._thread = threading.Thread(target=self._run, name="mailroom-events", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        self._thread.start()

    def mail_taken(self, request: Mapping[str, Any], message_id: str, now: float, part: Part = "all") -> None:
        """Post the events of every message of an accepted request, or a part of them."""
        above = request.get("custom_args", {})
        hour = request.get("send_at", 0)
        taken = [
            (one["email"], {**above, **row.get("custom_args", {})}, row.get("send_at", hour))
            for row in request["personalizations"]
            for field in ("to", "cc", "bcc")
            for one in row.get(field) or ()
        ]
        self._add(
            event
            for number, (address, custom_args, send_at) in enumerate(taken)
            for event in events_of(address, custom_args, message_id, number, int(now), part=part, send_at=send_at)
        )

    def post(self, events: Iterable[Event]) -> None:
        """Post events of one's own, as they are. TypeError for what JSON cannot hold."""
        own = list(events)
        event_body(own)
        self._add(iter(own))

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until everything so far is posted or lost; False when that took longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, seconds)

    def stop(self) -> None:
        """End the thread; a call in flight is given a few seconds."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(_JOIN_SECONDS)

    def counts(self) -> dict[str, int]:
        """`events_posted`, `events_lost` (given up), `event_calls` (POSTs, tried again or not)."""
        return {"events_posted": self._posted, "events_lost": self._lost, "event_calls": self._calls}

    def _add(self, events: Iterator[Event]) -> None:
        with self._changed:
            self._waiting.append(events)
            self._changed.notify_all()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping.is_set())
                self._busy = True
            array = self._next_array()
            if array and not self._stopping.is_set():
                self._deliver(array)
            with self._changed:
                self._busy = False
                self._changed.notify_all()
        self._hang_up()

    def _next_array(self) -> list[Event]:
        array: list[Event] = []
        while self._waiting and len(array) < self._array_size:
            event = next(self._waiting[0], None)
            if event is None:
                self._waiting.popleft()
            else:
                array.append(event)
        return array

    def _deliver(self, array: list[Event]) -> None:
        body = event_body(array)
        for pause in (*self._retries, None):
            if self._call(body):
                self._posted += len(array)
                return
            if pause is None or self._stopping.wait(pause):
                break
        self._lost += len(array)

    def _call(self, body: bytes) -> bool:
        """One POST; whether it was answered with 2xx. A redirect is not followed, as at SendGrid."""
        self._calls += 1
        headers = self._signer.sign(body, int(time.time()))  # [?] whether SendGrid signs a retry anew is not documented
        headers["Content-Type"] = "application/json"
        headers["User-Agent"] = "mailroom events"
        target = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        try:
            connection = self._connection or self._connect()
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            return False
        return 200 <= answer.status < 300

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(self._url.hostname or "", self._url.port, timeout=_CALL_SECONDS)
        return self._connection

    def _hang_up(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None
