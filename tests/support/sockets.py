"""Small TCP servers that follow a script, for what no well-behaved HTTP server can be told to do."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from typing import Self

Script = Callable[[socket.socket], None]

#: Seconds. A call's deadline that a test waits for: short, and so long that a busy machine has sent the request by then.
DEADLINE = 2.0


class ScriptedServer:
    """Listens on a free loopback port; the n-th connection follows the n-th script, later ones the last.

    `received` holds what the scripts read with `read_request`, in order; `connections` counts what was accepted.
    An assertion that fails in a script fails the test at the end of the `with` block.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, receive_buffer: int = 0) -> None:
        self.scripts = scripts
        self.connections = 0
        self.ended = threading.Semaphore(0)  # released whenever a script has ended and its connection is closed
        self._tls = tls
        self._failures: list[BaseException] = []
        self._open: list[socket.socket] = []
        self._listener = socket.socket()
        if receive_buffer:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(32)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:  # a script that waits for more is woken by the end of its connection
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for failure in self._failures:
            raise failure

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._follow, args=(connection, script), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _follow(self, connection: socket.socket, script: Script) -> None:
        try:
            connection.settimeout(10)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            script(connection)
        except OSError:
            pass  # the client went away, which many scripts provoke
        except BaseException as failure:
            self._failures.append(failure)
        finally:
            connection.close()
            self.ended.release()


def read_request(connection: socket.socket) -> bytes:
    """One whole request: head and as much body as its Content-Length says. Empty at the end of the connection."""
    whole = b""
    while b"\r\n\r\n" not in whole:
        piece = connection.recv(65536)
        if not piece:
            return b""
        whole += piece
    head, _, body = whole.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    pieces = [body]
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0:
        piece = connection.recv(min(missing, 1 << 20))
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
    return head + b"\r\n\r\n" + b"".join(pieces)


def answer(status: int, body: bytes = b"", headers: str = "") -> bytes:
    """The bytes of an HTTP answer; `headers` are whole lines, each ending with CRLF."""
    return f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def answers(*texts: bytes, received: list[bytes] | None = None) -> Script:
    """A script that reads a request and answers it, once for each text, then closes."""

    def script(connection: socket.socket) -> None:
        for text in texts:
            request = read_request(connection)
            if not request:
                return
            if received is not None:
                received.append(request)
            connection.sendall(text)

    return script


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def wait_for_end(connection: socket.socket) -> None:
    """Read until the other side closes (or the server is left)."""
    while connection.recv(65536):
        pass


def closed_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
