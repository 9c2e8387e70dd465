"""Connections that know the call they serve: its total deadline, and whether its last byte has left.

urllib3's time-outs are per socket operation, so a server that trickles a byte a second could hold a worker for hours;
and urllib3 forgets whether a request was sent whole, which decides if it may be repeated. Both are kept in a `Call`.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import urllib3.connection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

#: A connection idle for longer is not used again: the other side may be about to close it, and a request that meets
#: the close is of unknown fate. Load balancers close after 60 s and more; an issue's batches are milliseconds apart.
IDLE_SECONDS = 3.0

# A send that met the deadline may have met it because the answer is already there (a 413 to a body nobody reads):
# each read may then take this long, all together no longer than the second figure.
_LAST_LOOK_SECONDS = 0.01
_LAST_READS_SECONDS = 0.1


@dataclass(slots=True)
class Call:
    """One request. `ends_at` and `connect_seconds` are in monotonic seconds; `sent_whole` only ever becomes True."""

    ends_at: float
    connect_seconds: float
    sent_whole: bool = False

    def remaining(self) -> float:
        """Seconds left, never less than a last look."""
        return max(self.ends_at - time.monotonic(), _LAST_LOOK_SECONDS)

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.ends_at


#: The call of this thread. A context variable, because a pool picks the connection by itself.
CALL: ContextVar[Call] = ContextVar("CALL")


class _TimedSocket:
    """A connected socket whose every operation may take only what is left of the call.

    A plain sendall() counts the time-out over all it sends. TLS counts it per record, so it is sent in pieces here.
    """

    _PIECE = 64 * 1024

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def sendall(self, content: Any) -> None:
        view = memoryview(content)
        step = self._PIECE if isinstance(self._sock, ssl.SSLSocket) else max(len(view), 1)
        for start in range(0, len(view), step):
            call = CALL.get()
            if call.over:
                raise TimeoutError
            self._sock.settimeout(call.remaining())
            self._sock.sendall(view[start : start + step])

    def makefile(self, *_mode: Any, **_more: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedReads(self._sock), 64 * 1024)

    def settimeout(self, _seconds: float | None) -> None:
        """The call's deadline decides, not urllib3's time-outs."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _TimedReads(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = socket.SocketIO(sock, "r")
        sock._io_refs += 1  # type: ignore[attr-defined]  # as socket.makefile() does: close() waits for the last reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        call = CALL.get()
        if call.over and (call.sent_whole or time.monotonic() > call.ends_at + _LAST_READS_SECONDS):
            raise TimeoutError
        self._sock.settimeout(call.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Tracked(urllib3.connection.HTTPConnection):
    """Opens and sends within the call's deadline, and notes when the request has left whole."""

    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether it may be used again: nothing has arrived unasked (a close reads as such) and it was not idle long."""
        return time.monotonic() - self._used_at < IDLE_SECONDS and super().is_connected

    def connect(self) -> None:
        super().connect()
        self.sock = _TimedSocket(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().request(*args, **kwargs)
        except (ssl.SSLError, TimeoutError) as failure:
            # urllib3 looks for an early answer (a 413, say) after a broken pipe alone. There may be one here as well.
            raise BrokenPipeError from failure
        CALL.get().sent_whole = True

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used_at = time.monotonic()
        return response

    def _new_conn(self) -> socket.socket:
        call = CALL.get()
        ends_at = min(call.ends_at, time.monotonic() + call.connect_seconds)
        failure: OSError | None = None
        try:
            addresses = _look_up(self._dns_host, self.port or self.default_port, ends_at - time.monotonic())
        except socket.gaierror as unknown:
            raise NameResolutionError(self.host, self, unknown) from None
        for place, address in enumerate(addresses):
            left = ends_at - time.monotonic()
            if left <= 0:
                break
            try:  # an address that swallows everything (IPv6 without a route) must leave time for the next
                opened = socket.create_connection(address[:2], timeout=left / (len(addresses) - place))
            except OSError as refused:
                failure = refused
                continue
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.settimeout(call.remaining())  # for the TLS handshake, which counts it as a whole
            return opened
        if failure is None or isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, "no connection in time")
        raise NewConnectionError(self, "no connection") from failure


class PlainConnection(_Tracked):
    """For http:// addresses: the mailroom."""


class TlsConnection(_Tracked, urllib3.connection.HTTPSConnection):
    """For https:// addresses."""


def _look_up(host: str, port: int, seconds: float) -> list[tuple[Any, ...]]:
    """The host's addresses. The resolver cannot be interrupted, so it is left behind when time is up."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except OSError as failure:
            found.append(failure)

    thread = threading.Thread(target=look_up, name="look-up", daemon=True)
    thread.start()
    thread.join(max(seconds, 0))
    if not found:
        raise socket.gaierror(socket.EAI_AGAIN, "the name server did not answer in time")
    if isinstance(found[0], OSError):
        raise socket.gaierror(socket.EAI_NONAME, "the name is not known") from found[0]
    return [entry[4] for entry in found]
