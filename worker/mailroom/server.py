"""The mailroom as a server: listens, gives each connection a thread, and stops cleanly.

Threads, not asyncio: nearly all the time goes into JSON and rules, which hold the interpreter either way, and a
thread can block in one receive for a whole body. `Mailroom` is for use inside a process, `serve` for one of its own.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import sys
import threading
from types import TracebackType
from typing import Any, Self

from worker.errors import ServerError
from worker.mailroom.account import AccountCalls
from worker.mailroom.calls import Calls, Room
from worker.mailroom.events import EventPoster
from worker.mailroom.exchange import Keys
from worker.mailroom.faults import Fault
from worker.mailroom.inbox import Inbox
from worker.mailroom.mail_send import MailSend
from worker.mailroom.message import deliveries, expand, recipients
from worker.mailroom.options import MailroomOptions
from worker.mailroom.outcomes import Part
from worker.mailroom.parcel import Parcel, has_an_hour
from worker.mailroom.release import ReleaseThread
from worker.mailroom.routes import Routes
from worker.mailroom.scheduled import ScheduledMail
from worker.mailroom.scheduled_routes import ScheduledCalls
from worker.mailroom.script import Script
from worker.mailroom.signing import Signer
from worker.mailroom.steering import Steering
from worker.mailroom.suppressions import Suppressions, drop_events, without
from worker.mailroom.suppressions_routes import SuppressionCalls
from worker.mailroom.tally import Tally
from worker.mailroom.turned_clock import TurnedClock
from worker.mailroom.wire import Answer, Closed, Malformed, Wire

__all__ = ["Mailroom", "MailroomOptions", "serve"]

_BACKLOG = 128
_JOIN_SECONDS = 5.0


class Mailroom:
    """`with Mailroom(MailroomOptions(...)) as room: room.url`. Thread-safe; can be started once."""

    def __init__(self, options: MailroomOptions | None = None) -> None:
        self.options = options or MailroomOptions()
        self.tally = Tally()
        self.script = Script()
        self.inbox = Inbox(self.options.keep) if self.options.keep else None
        self.signer = Signer(self.options.private_key)
        self.events = (
            EventPoster(self.options.events_url, self.signer, retry_seconds=self.options.event_retry_seconds)
            if self.options.events_url
            else None
        )
        self.url = ""
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._listener: socket.socket | None = None
        self._accepting: threading.Thread | None = None
        self.clock = TurnedClock(self.options.clock)
        self.scheduled = ScheduledMail(
            self.clock.now, self._release, late_mail=self.options.late_mail, late_cancel=self.options.late_cancel
        )
        self._releasing = ReleaseThread(self.scheduled, self.clock)
        keys = Keys(self.options.api_keys)
        mail_send = MailSend(
            self._accept,
            self.tally,
            self.script,
            keys=keys,
            now=self.clock.now,
            may_send="mail.send" in self.options.scopes,
            known_batch=self.scheduled.known,
            latency_seconds=self.options.latency_seconds,
            stopping=self._stopping,
        )
        self.suppressions = Suppressions()
        rooms: list[Room] = [
            ScheduledCalls(self.scheduled),
            SuppressionCalls(self.suppressions, self.clock.now),
            AccountCalls(self.options, lambda: self.signer.public_key),
        ]
        calls = Calls(rooms, self.script, keys=keys, scopes=self.options.scopes, stopping=self._stopping)
        steering = Steering(self.tally, self.script, self.scheduled, self.clock, poster=self.events, signer=self.signer)
        self._routes = Routes(mail_send, calls, steering, inbox=self.inbox)
        self._steering = steering

    def start(self) -> str:
        """Listen; returns the URL. Raises ServerError when the port is taken."""
        try:
            family = socket.AF_INET6 if ":" in self.options.host else socket.AF_INET
            self._listener = socket.create_server(
                (self.options.host, self.options.port), family=family, backlog=_BACKLOG
            )
        except OSError as taken:
            raise ServerError(
                f"the mailroom cannot listen on port {self.options.port}: {taken.strerror}",
                fix="give another port, or 0 for any free one",
            ) from None
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        self.url = f"http://{host}:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._listen, args=(self._listener,), name="mailroom", daemon=True)
        self._accepting.start()
        if self.events:
            self.events.start()
        self._releasing.start()
        return self.url

    def stop(self) -> None:
        """Close every connection and end every thread. May be called twice."""
        self._stopping.set()
        if self._listener and self._accepting:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            self._accepting.join(_JOIN_SECONDS)
            self._listener.close()
        with self._lock:
            open_now = list(self._connections.items())
        for connection, thread in open_now:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_JOIN_SECONDS)
        self._releasing.stop()
        if self.events:
            self.events.stop()
        if self.inbox is not None:
            self.inbox.close()

    def script_faults(self, *faults: Fault) -> None:
        """Replace the script of faults; see faults.py for the functions that make them."""
        self.script.set(faults)

    def sign(self, body: bytes, timestamp: int) -> dict[str, str]:
        """Headers that sign an event call of one's own; `timestamp` is Unix seconds."""
        return self.signer.sign(body, timestamp)

    @property
    def public_key(self) -> str:
        """The key that verifies this mailroom's events, base64 SPKI."""
        return self.signer.public_key

    def stats(self) -> dict[str, Any]:
        """The counts of GET /_mailroom/stats."""
        return self._steering.stats()

    def turn_clock(self, now: float | None = None, *, advance: float = 0.0) -> None:
        """As POST /_mailroom/clock: stop the clock at a moment (Unix seconds), or so many seconds later than it is now."""
        self._steering.turn_clock(now, advance)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _accept(self, request: dict[str, Any], message_id: str, now: float) -> None:
        if has_an_hour(request):
            self.tally.scheduled(deliveries(request))
            if self.options.suppressed_at == "acceptance":
                request, _ = self._dropped(request, message_id, now)
            if self.events and self.options.processed_at == "acceptance":
                self.events.mail_taken(request, message_id, now, "processed")
            if request["personalizations"]:
                self.scheduled.take(request, message_id, now)
            return
        request, gone = self._dropped(request, message_id, now)
        if self.inbox is not None:
            rows = [place for place in range(len(request["personalizations"]) + len(gone)) if place not in gone]
            self.inbox.keep(expand(request, message_id, now, rows=rows if gone else None, base_url=self.url))
        self.tally.accepted([address.lower() for address in recipients(request)], deliveries(request))
        if self.events:
            self.events.mail_taken(request, message_id, now)

    def _release(self, request: dict[str, Any], parcel: Parcel, now: float) -> None:
        gone: set[int] = set()
        if self.options.suppressed_at == "hour":
            request, gone = self._dropped(request, parcel.message_id, now)
        if self.inbox is not None:
            rows = [place for at, place in enumerate(parcel.rows) if at not in gone] if gone else parcel.rows
            messages = expand(
                request, parcel.message_id, parcel.accepted_at, released_at=now, rows=rows, base_url=self.url
            )
            self.inbox.keep(messages)
        self.tally.released([address.lower() for address in recipients(request)], deliveries(request))
        if self.events:
            part: Part = "after" if self.options.processed_at == "acceptance" else "all"
            self.events.mail_taken(request, parcel.message_id, now, part)

    def _dropped(self, request: dict[str, Any], message_id: str, now: float) -> tuple[dict[str, Any], set[int]]:
        """The request without those on the suppression lists, and their places in it; their events are posted."""
        dropped = self.suppressions.dropped(request)
        if not dropped:
            return request, set()
        if self.events:
            self.events.post(drop_events(dropped, message_id, int(now)))
        return without(request, dropped), {one.place for one in dropped}

    def _listen(self, listener: socket.socket) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._converse, args=(connection,), name="mailroom-call", daemon=True)
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        wire = Wire(connection)
        try:
            while not self._stopping.is_set():
                request = wire.head()
                if request is None or not self._routes.serve(wire, request):
                    break
        except Closed:
            pass
        except Malformed as wrong:
            with contextlib.suppress(Closed):
                wire.answer(Answer(400, f"{wrong}\n".encode(), {"Content-Type": "text/plain"}), keep_alive=False)
        finally:
            connection.close()
            with self._lock:
                self._connections.pop(connection, None)


def serve(options: MailroomOptions) -> None:
    """Run a mailroom until SIGTERM or Ctrl-C; prints its URL, never a key. Call from the main thread."""
    asked = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: asked.set())
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # a batch is thousands of objects, and none of them is a cycle
    with Mailroom(options) as room:
        sys.stdout.write(f"mailroom at {room.url}\nevents are verified by {room.public_key}\n")
        sys.stdout.flush()
        asked.wait()
