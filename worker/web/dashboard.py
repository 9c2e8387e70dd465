"""rq-dashboard 0.9.0, made safe to show, below /ops/queues and behind the login of worker/web/login.py.

As shipped it shows job arguments, metadata and exception texts as HTML, writes a queue's name from the address into
a script, and requeues on GET. Here its templates are mended as they are loaded, so that every value is escaped and
only their own scripts carry the nonce that the policy asks for; values filled in later can never gain one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import jinja2
import rq_dashboard.web
from flask import Flask, abort, g, request
from flask.wrappers import Response
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from werkzeug.exceptions import Conflict, NotFound

_shipped: Any = rq_dashboard.web  # untyped, and some of its names are replaced below

PREFIX = "/ops/queues"
REQUEUE_ALL = "rq_dashboard.requeue_all"  # the one action it also takes by GET

_ESCAPED_BY_HAND = re.compile(r"\$\('<div/>'\)\.text\(([\w.]+)\)\.html\(\)")
_QUOTED_VALUE = re.compile(r"'\{\{\s*([\w.]+)\s*\}\}'")
_SCRIPT = re.compile(r"<script\b")


class JsonJob(Job):
    """A job whose arguments and metadata are JSON. Pickle is never read: it runs what it is told to."""

    def __init__(self, job_id: str | None = None, connection: Any = None, serializer: Any = None) -> None:
        super().__init__(job_id, connection, JSONSerializer)


class MendedTemplates(jinja2.BaseLoader):
    """rq-dashboard's own templates, mended on the way in."""

    def __init__(self, inner: jinja2.BaseLoader) -> None:
        self._inner = inner

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The mended source; TemplateNotFound for templates that are not rq-dashboard's."""
        if not template.startswith("rq_dashboard/"):
            raise jinja2.TemplateNotFound(template)
        source, filename, uptodate = self._inner.get_source(environment, template)
        return mend(source), filename, uptodate


def mend(source: str) -> str:
    """A template that escapes every value, in the browser (`<%-`) and in scripts, and marks its scripts."""
    source = _ESCAPED_BY_HAND.sub(r"\1", source)
    source = source.replace("<%=", "<%-")
    source = _QUOTED_VALUE.sub(r"{{ \1|tojson }}", source)
    return _SCRIPT.sub('<script nonce="{{ csp_nonce() }}"', source)


def install(app: Flask, redis_url: str) -> None:
    """Mount the dashboard on `app`; without a queue there is nothing to mount."""
    if not redis_url:
        return
    _shipped.config.serializer = JSONSerializer
    _shipped.Job = JsonJob
    _shipped.requeue_job = _requeue
    app.config.update(RQ_DASHBOARD_REDIS_URL=redis_url, RQ_DASHBOARD_DISABLE_DELETE=True)
    _shipped.setup_rq_connection(app)
    mended = MendedTemplates(_shipped.blueprint.jinja_loader)
    app.jinja_loader = jinja2.ChoiceLoader([mended, *([app.jinja_loader] if app.jinja_loader else [])])
    app.register_blueprint(_shipped.blueprint, url_prefix=PREFIX)
    app.jinja_env.globals["csp_nonce"] = _nonce
    app.before_request(_refuse_get_actions)
    app.after_request(_policy)
    app.register_error_handler(NoSuchJobError, lambda _: app.handle_http_exception(NotFound()))
    app.register_error_handler(InvalidJobOperation, lambda _: app.handle_http_exception(Conflict()))


def _requeue(job_id: str, connection: Any) -> Job:
    return JsonJob.fetch(job_id, connection=connection).requeue()


def _refuse_get_actions() -> None:
    if request.endpoint == REQUEUE_ALL and request.method != "POST":
        abort(405)


def _nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _policy(response: Response) -> Response:
    if request.blueprint == _shipped.blueprint.name:
        response.headers["Content-Security-Policy"] = (
            # underscore compiles its templates, hence unsafe-eval; bootstrap hides by style attributes.
            f"default-src 'none'; script-src 'nonce-{_nonce()}' 'unsafe-eval'; style-src 'self'; "
            "style-src-attr 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    return response
