"""HTTP/1.1 on one socket: reads requests, writes answers. Knows no route and no rule.

Our own, and small, because faults act between its steps (close before the body is read, answer garbage), and because
a 600 kB body must arrive in one piece of memory without copies. One instance belongs to one thread.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import responses
from urllib.parse import parse_qsl, unquote

from worker.domain.web_address import taken_apart

HEAD_BYTES = 64 * 1024
_CHUNK = 64 * 1024
_LINGER_BYTES = 64 * 1024 * 1024
_LINGER_SECONDS = 5.0
_LOCAL_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?")
_HEAD_END = b"\r\n\r\n"


class Malformed(Exception):
    """What arrived is not HTTP that this server reads; the connection cannot go on."""


class Closed(Exception):
    """The other side is gone, in the middle of a request or of an answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head. Header names are lower case; `length` is None for a chunked body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    length: int | None
    keep_alive: bool

    @property
    def is_local(self) -> bool:
        """Whether its Host names this machine. A page elsewhere could point its own name here and read what is kept."""
        return _LOCAL_HOST.fullmatch(self.headers.get("host", "")) is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and a body. Content-Length is added when it is written."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Wire:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self._rest = b""  # read, but not yet used
        self._buffer = bytearray(_CHUNK)

    def head(self) -> Request | None:
        """The next request's head; None when the other side closed between requests. Raises Malformed, Closed."""
        read = self._rest.lstrip(b"\r\n")
        while (end := read.find(_HEAD_END)) < 0:
            if len(read) > HEAD_BYTES:
                raise Malformed("the head is too long")
            arrived = self._receive()
            if not arrived:
                if read:
                    raise Closed
                return None
            read = (read + arrived).lstrip(b"\r\n")
        self._rest = read[end + len(_HEAD_END) :]
        return _parse(read[:end])

    def body(self, request: Request, most: int) -> memoryview | None:
        """The whole body; None when it is longer than `most` bytes (what is left of it is then still unread).

        The memory is the connection's own and is used again for the next request.
        """
        if request.headers.get("expect", "").lower() == "100-continue" and not self._rest:
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.length is None:
            return self._chunked(most)
        if request.length > most:
            return None
        return self._exactly(request.length)

    def answer(self, answer: Answer, *, keep_alive: bool = True) -> None:
        """Write an answer in one piece. Raises Closed."""
        lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}", "Server: mailroom"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        lines.append(f"Content-Length: {len(answer.body)}")
        lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
        self._send("\r\n".join(lines).encode("latin-1", "replace") + _HEAD_END + answer.body)

    def raw(self, content: bytes) -> None:
        """Write bytes that need not be HTTP. Raises Closed."""
        self._send(content)

    def linger(self) -> None:
        """After a last answer to a request that was not read whole: read on a little, or a reset may overtake it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(_LINGER_SECONDS)
            left = _LINGER_BYTES
            while left > 0 and (count := self._socket.recv_into(self._buffer)):
                left -= count

    def until_closed(self) -> None:
        """Wait, reading and forgetting, until the other side (or the server's stop) closes the connection."""
        while self._receive():
            pass

    def _exactly(self, length: int) -> memoryview:
        if len(self._buffer) < length:
            self._buffer = bytearray(length + length // 4)
        whole = memoryview(self._buffer)[:length]
        have = min(len(self._rest), length)
        whole[:have] = self._rest[:have]
        self._rest = self._rest[have:]
        while have < length:
            try:
                count = self._socket.recv_into(whole[have:], length - have, socket.MSG_WAITALL)
            except OSError as broken:
                raise Closed from broken
            if not count:
                raise Closed
            have += count
        return whole

    def _chunked(self, most: int) -> memoryview | None:
        whole = bytearray()
        for piece in self._pieces():
            whole += piece
            if len(whole) > most:
                return None
        return memoryview(whole)

    def _pieces(self) -> Iterator[bytes]:
        while True:
            try:
                size = int(self._line().partition(b";")[0], 16)
            except ValueError as wrong:
                raise Malformed("a chunk has no size") from wrong
            if size == 0:
                while self._line():  # trailers
                    pass
                return
            yield bytes(self._exactly(size))
            self._line()

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            arrived = self._receive()
            if not arrived or len(self._rest) > HEAD_BYTES:
                raise Closed
            self._rest += arrived
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_CHUNK)
        except OSError as broken:
            raise Closed from broken

    def _send(self, content: bytes) -> None:
        try:
            self._socket.sendall(content)
        except OSError as broken:
            raise Closed from broken


def _parse(head: bytes) -> Request:
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise Malformed("the first line is no HTTP/1 request")
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed("a header has no colon")
        headers[name.strip().lower()] = value.strip()
    chunked = "chunked" in headers.get("transfer-encoding", "").lower()
    length = headers.get("content-length", "0")
    if not length.isdecimal():
        raise Malformed("the length is no number")
    url = taken_apart(words[1])
    closing = headers.get("connection", "").lower()
    keep_alive = "close" not in closing if words[2] == "HTTP/1.1" else "keep-alive" in closing
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Request(words[0], unquote(url.path), query, headers, None if chunked else int(length), keep_alive)
