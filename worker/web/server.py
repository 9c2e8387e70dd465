"""Runs the application under gunicorn: one worker process with a few threads, for the pages are short and few.

The socket is opened here, before gunicorn starts, so that port 0 can be answered with the port it became.
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from worker.config import Settings
from worker.logs import say
from worker.web.app import create_app
from worker.web.webhook import require_usable_key

if TYPE_CHECKING:
    from worker.context import Context

log = logging.getLogger("broadsheet.web")

THREADS = 8
GRACE_SECONDS = 20  # for requests in flight when asked to stop
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _OwnLines(Logger):
    """Gunicorn's log through ours, from warnings up. Its own lines name addresses and paths; those are not kept."""

    def setup(self, cfg: Any) -> None:
        """Leave the handlers alone: worker.logs has set them."""
        self.error_log.propagate = True
        self.access_log.disabled = True

    def warning(self, msg: Any, *args: Any, **named: Any) -> None:
        """A line without its values."""
        say(log, logging.WARNING, "gunicorn", about=str(msg))

    def error(self, msg: Any, *args: Any, **named: Any) -> None:
        """A line without its values."""
        say(log, logging.ERROR, "gunicorn", about=str(msg))

    critical = exception = error

    def info(self, msg: Any, *args: Any, **named: Any) -> None:
        """Not kept."""

    debug = info

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Not kept: worker/web/access_log.py writes the line."""


class _Server(BaseApplication):
    def __init__(self, context: Context, listening: socket.socket) -> None:
        self._context = context
        self._listening = listening
        super().__init__()  # type: ignore[no-untyped-call]

    def load_config(self) -> None:
        options = {
            "bind": f"fd://{self._listening.fileno()}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            "max_requests": 0,
            "logger_class": _OwnLines,
            "proc_name": "broadsheet web",
            "control_socket_disable": True,
        }
        config: Any = self.cfg
        for name, value in options.items():
            config.set(name, value)

    def load(self) -> Any:
        return create_app(self._context)


def serve(context: Context, port: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; ends the process. `port` overrides WEB_PORT; 0 takes any free one.

    Listens on this machine alone where BASE_URL is a loopback address, on every interface otherwise.
    """
    context.settings.require("secret_key")
    require_usable_key(context.settings.sendgrid_webhook_public_key)
    listening = open_socket(context.settings, port)
    host, bound = listening.getsockname()[:2]
    say(log, logging.INFO, "web listens", host=host, port=bound)
    _Server(context, listening).run()  # type: ignore[no-untyped-call]


def open_socket(settings: Settings, port: int | None = None) -> socket.socket:
    """The listening socket."""
    local = urlsplit(settings.base_url).hostname in _LOOPBACK
    wanted = settings.web_port if port is None else port
    return socket.create_server(("127.0.0.1" if local else "0.0.0.0", wanted), backlog=256)  # noqa: S104
