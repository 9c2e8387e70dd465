"""SendGrid's event webhook. Closed unless signed; 2xx only once the events are committed, for SendGrid repeats all else."""

from __future__ import annotations

import logging

from flask import request
from flask.typing import ResponseReturnValue

from worker.errors import SignatureError
from worker.logs import say
from worker.providers.sendgrid_events import SIGNATURE_HEADER, TIMESTAMP_HEADER, parse, verify
from worker.usecases.record_events import record_events
from worker.web.site import Site

log = logging.getLogger("broadsheet.events")

# SendGrid posts at most 768 kB (its event page); what is refused here is repeated for a day, so leave room.
EVENTS_LIMIT = 8 * 1024 * 1024


def receive(site: Site) -> ResponseReturnValue:
    """204 recorded, 400 not JSON, 401 not SendGrid's, 403 no key is set, 413 too large."""
    key = site.context.settings.sendgrid_webhook_public_key
    if not key.strip():
        say(log, logging.ERROR, "events refused", why="SENDGRID_WEBHOOK_PUBLIC_KEY is not set")
        return _plain("no verification key is set here", 403)
    request.max_content_length = EVENTS_LIMIT
    body = request.get_data(cache=False)  # the bytes as sent: a signature does not survive parsing
    try:
        verify(
            key,
            request.headers.get(SIGNATURE_HEADER),
            request.headers.get(TIMESTAMP_HEADER),
            body,
            site.now(),
        )
    except SignatureError as forged:
        say(log, logging.WARNING, "events refused", why=forged.what)
        return _plain("the signature does not match", 401)
    try:
        events = parse(body)
    except ValueError:
        say(log, logging.WARNING, "events refused", why="not JSON", bytes=len(body))
        return _plain("this is not JSON", 400)
    recorded = record_events(site.context.engine, events, site.now())
    say(
        log,
        logging.INFO,
        "events recorded",
        received=recorded.received,
        new=recorded.new,
        settled_batches=list(recorded.settled_batches),
        suppressions=recorded.suppressions,
        over_quota=list(recorded.over_quota),
    )
    return "", 204


def _plain(words: str, status: int) -> ResponseReturnValue:
    return words + "\n", status, {"Content-Type": "text/plain; charset=utf-8"}
