"""The preview's server: Flask on this machine's loopback address alone. It renders nothing itself; it asks the press.

Another page in the author's browser must not read what is written here: a request that names another host is refused
(DNS rebinding), and no answer may be framed or read from elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, abort, request, send_file
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from worker.preview.page import preview_page
from worker.preview.press import Press
from worker.preview.state import state_of
from worker.render.local_pictures import file_name
from worker.sources.media import find_picture

HOST = "127.0.0.1"
_LOCAL = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
_POLICY = (
    # The frames take the page's policy over: mail has inline styles and pictures from anywhere, and no script at all.
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' https: data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_preview(project: Path, press: Press, first: str = "") -> Flask:
    """The application; `first` is the text shown where the address names none."""
    app = Flask(__name__, static_folder="static", static_url_path="/static")
    before: dict[tuple[str, str], dict[str, Any]] = {}  # the last editions that rendered, by text and reader

    @app.before_request
    def refuse_strangers() -> None:
        if not _LOCAL.fullmatch(request.host):
            abort(403)

    @app.after_request
    def guard(answer: Response) -> Response:
        answer.headers.update(_HEADERS)
        return answer

    @app.get("/")
    def page() -> str:
        state = state_of(project)  # first: what is written meanwhile is then found by the next look
        text, address = request.args.get("text", first), request.args.get("as", "").strip()
        seen = _seen(press.ask({"want": "text", "text": text, "as": address}), text)
        key = (seen["name"], address)
        if seen["error"] is None:
            before[key] = seen
        elif known := before.get(key):
            seen = {**seen, **{part: known[part] for part in ("editions", "sender", "title")}}
        return preview_page(seen, address, state, lambda source: _picture(project, source))

    @app.get("/state")
    def state() -> Response:
        return Response(state_of(project), mimetype="text/plain")

    @app.get("/media/<name>")
    def media(name: str) -> Response:
        found = find_picture(project, name)
        if found is None:
            abort(404)
        return send_file(found[0].resolve(), mimetype=found[1])

    return app


def preview_server(app: Flask, port: int) -> BaseWSGIServer:
    """A server that listens already; port 0 takes any free one. `serve_forever()` runs it."""
    return make_server(HOST, port, app, threaded=True, request_handler=_Quiet)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Nothing: an address stands in what would be logged."""


def _seen(answer: dict[str, Any], text: str) -> dict[str, Any]:
    """The child's answer; where it gave none, one that says why."""
    if "broken" not in answer:
        return answer
    empty: dict[str, Any] = {
        "names": [],
        "sender": "",
        "title": "",
        "editions": {},
        "findings": [],
        "reader": None,
        "unknown": False,
    }
    return {**empty, "name": text, "error": {**answer["broken"], "file": "", "line": None, "excerpt": []}}


def _picture(project: Path, source: str) -> str:
    """A picture of the project from its folder, as it may not be published yet; any other from where it is."""
    name = file_name(source)
    return f"/media/{quote(name)}" if find_picture(project, name) else source
