"""A proxy before Valkey that loses answers: the command arrives and is done, and whoever asked never hears of it."""

import contextlib
import socket
import threading
from urllib.parse import unquote, urlsplit


class LossyProxy:
    """`with LossyProxy() as proxy: url = proxy.before("unix:///...")`.

    From `lose(asked=b"...")` on, the answer to the next command that holds these bytes is lost together with its
    connection; from `lose(answered=b"...")` on, the next answer that holds them. `lost` counts.
    """

    def __init__(self):
        self.lost = 0
        self._rules = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = set()
        self._target = ""

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def before(self, unix_url):
        """The URL under which the server at `unix_url` is reached through here."""
        self._target = unquote(urlsplit(unix_url).path)
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def lose(self, *, asked=None, answered=None):
        with self._lock:
            self._rules.append((asked, answered))

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client):
        server = socket.socket(socket.AF_UNIX)
        with client, server:
            self._open |= {client, server}
            try:
                server.connect(self._target)
            except OSError:
                return
            asking = _Asking()
            threading.Thread(target=self._forward, args=(client, server, asking), daemon=True).start()
            with contextlib.suppress(OSError):
                while answer := server.recv(1 << 16):
                    if self._loses(asking, answer):
                        break
                    client.sendall(answer)
            for one in (client, server):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._open -= {client, server}

    @staticmethod
    def _forward(client, server, asking):
        with contextlib.suppress(OSError):
            while question := client.recv(1 << 16):
                asking.last = question
                server.sendall(question)
            server.shutdown(socket.SHUT_WR)

    def _loses(self, asking, answer):
        with self._lock:
            for rule in self._rules:
                asked, answered = rule
                if (asked and asked in asking.last) or (answered and answered in answer):
                    self._rules.remove(rule)
                    self.lost += 1
                    return True
        return False


class _Asking:
    """What a connection asked last."""

    last = b""
