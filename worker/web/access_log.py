"""One log line per request: method, route, status, milliseconds, bytes. Never the path, which may hold a token,
nor who asked, nor the message of an exception, which may hold an address.
"""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

from flask import Flask, g, request
from flask.wrappers import Response

from worker.logs import say

log = logging.getLogger("broadsheet.web")

_QUIET = {"healthz", "readyz", "static", "rq_dashboard.static"}  # asked every few seconds


def install(app: Flask) -> None:
    """Log every request of `app` once it is answered."""
    app.before_request(_begin)
    app.after_request(_end)


def log_exception(exc_info: Any) -> None:
    """An exception that no view expected: its type and the places it went through."""
    kind, _, trace = exc_info
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
    say(log, logging.ERROR, "request failed", route=_route(), kind=kind.__name__, places=places[-12:])


def _begin() -> None:
    g.began = time.monotonic()


def _end(response: Response) -> Response:
    quiet = request.endpoint in _QUIET and response.status_code < 400
    say(
        log,
        logging.DEBUG if quiet else logging.INFO,
        "request",
        method=request.method,
        route=_route(),
        status=response.status_code,
        ms=round((time.monotonic() - g.began) * 1000, 1),
        bytes=response.calculate_content_length(),
    )
    return response


def _route() -> str:
    return request.url_rule.rule if request.url_rule else "none"
