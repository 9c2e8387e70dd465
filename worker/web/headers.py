"""Security headers of every answer. Pages run no script at all; the dashboard's run by nonce (worker/web/dashboard.py).

`no-referrer`: the address of a reader's page is their key, and must not travel to where its links lead.
"""

from __future__ import annotations

from typing import cast

from flask import Flask, g, redirect, request
from flask.wrappers import Response

from worker.domain.web_address import taken_apart

READER_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Of a page whose button leads on to an address of the author's: Chromium asks `form-action` at each redirect after it too,
#: and where theirs lead on to is theirs to say.
FORWARDING_POLICY = READER_POLICY.replace("form-action 'self'", "form-action 'self' https:")
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Robots-Tag": "noindex, nofollow",
}
_YEAR_SECONDS = 31_536_000
_INDEXED = {"home", "subscribe_page"}


def install(app: Flask, *, secure: bool) -> None:
    """Add the headers to every answer of `app`; `secure` where its public address is https."""

    def add(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", READER_POLICY)
        if "Location" in response.headers and response.headers["Location"] != g.get("leads_to"):
            response.headers["Location"] = _here(response.headers["Location"])
        if request.endpoint in _INDEXED:
            del response.headers["X-Robots-Tag"]
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        if secure:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_SECONDS}")
        return response

    app.after_request(add)


def lead_to(address: str) -> Response:
    """303 to an address elsewhere, which must come from the author's own files and from nothing in a request."""
    answer = cast(Response, redirect(address, 303))
    g.leads_to = answer.headers["Location"]
    return answer


def _here(location: str) -> str:
    """A redirect as a path: nothing but `lead_to` leads elsewhere, whatever host a request claimed to be for."""
    parts = taken_apart(location)
    return "/" + parts.path.lstrip("/\\") + (f"?{parts.query}" if parts.query else "")
