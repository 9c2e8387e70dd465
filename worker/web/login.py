"""The operator's door: basic authentication in constant time, and proof that an action came from our own page.

A browser sends basic credentials with cross-site requests too, so every POST must say where it came from:
`Sec-Fetch-Site: same-origin`, or an `Origin` that is ours. One that says neither is refused.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from flask import Flask, request
from flask.typing import ResponseReturnValue

from worker.config import Settings
from worker.domain.web_address import taken_apart

OPS_PATH = "/ops"
_SAFE = ("GET", "HEAD", "OPTIONS")


def install(app: Flask, settings: Settings) -> None:
    """Close everything at and below /ops, known route or not."""

    def check() -> ResponseReturnValue | None:
        if request.path != OPS_PATH and not request.path.startswith(OPS_PATH + "/"):
            return None
        if not settings.ops_password.get_secret_value():
            return _plain("These pages are closed: set OPS_PASSWORD, and restart the web process.", 503)
        if not _known(settings):
            ask = {"WWW-Authenticate": 'Basic realm="operations", charset="UTF-8"'}
            return _plain("A user name and a password are needed here.", 401, ask)
        if request.method not in _SAFE and not _from_here(settings):
            return _plain("This action did not come from these pages.", 403)
        return None

    app.before_request(check)


def _known(settings: Settings) -> bool:
    given = request.authorization
    if given is None or given.type != "basic":
        return False
    # Both are compared whatever the first says, so that time tells nothing about either.
    right_name = _equal(given.username or "", settings.ops_username)
    right_word = _equal(given.password or "", settings.ops_password.get_secret_value())
    return right_name and right_word


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _from_here(settings: Settings) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = taken_apart(request.headers.get("Origin", ""))
    return bool(origin.netloc) and origin.netloc in (request.host, urlsplit(settings.base_url).netloc)


def _plain(words: str, status: int, headers: dict[str, str] | None = None) -> ResponseReturnValue:
    return words + "\n", status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
