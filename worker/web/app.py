"""Makes the Flask application. Owns what holds for every answer: headers, errors, the log line, the limit on size.

There is no session to forge: a reader is known by a signed link, an operator by a login. The one cookie there is says whose
link a visitor followed first (attribution.py), and lets nobody do anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, request

from worker.web import access_log, dashboard, failures, headers, login, webhook
from worker.web.routes import ROUTES
from worker.web.site import Site

if TYPE_CHECKING:
    from worker.context import Context

BODY_LIMIT = 64 * 1024  # bytes; the event route alone allows itself more


def _now() -> datetime:
    return datetime.now(UTC)


def _refuse_odd_addresses() -> None:
    """400 for a query that is no UTF-8, or a control character in it or in the host: werkzeug raises where it reads them."""
    try:
        query = request.query_string.decode()
    except UnicodeDecodeError:
        abort(400)
    if not f"{query}{request.headers.get('Host', '')}".isprintable():
        abort(400)


class Application(Flask):
    """Flask, but an exception is logged without its message and its path: both may hold an address or a token."""

    def log_exception(self, exc_info: Any) -> None:
        """One line with the type and the places, nothing else."""
        access_log.log_exception(exc_info)


def create_app(context: Context, now: Callable[[], datetime] = _now) -> Flask:
    """The WSGI application. Raises SettingsError where links could not be signed or no event verified. Connects to nothing."""
    context.settings.require("secret_key")
    webhook.require_usable_key(context.settings.sendgrid_webhook_public_key)
    site = Site(context, now)
    app = Application(__name__, static_folder="static", static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    access_log.install(app)
    app.before_request(_refuse_odd_addresses)
    headers.install(app, secure=context.settings.base_url.startswith("https://"))
    login.install(app, context.settings)
    failures.install(app, site)
    dashboard.install(app, context.settings.redis_url)
    for route in ROUTES:
        app.add_url_rule(
            route.rule,
            endpoint=route.name,
            view_func=partial(route.view, site),
            methods=list(route.methods),
            provide_automatic_options=False,
        )
    return app
