"""SendGrid's event webhook. Closed unless signed; 2xx only once the events are committed, for SendGrid repeats all else."""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue

from worker.errors import SettingsError, SignatureError
from worker.logs import say
from worker.providers.sendgrid_events import NotEvents, parse
from worker.providers.sendgrid_signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, verification_key, verify
from worker.usecases.record_events import record_events
from worker.web.site import Site

log = logging.getLogger("broadsheet.events")

# SendGrid posts at most 768 kB (its event page); what is refused here is repeated for a day, so leave room.
EVENTS_LIMIT = 8 * 1024 * 1024


def require_usable_key(public_key: str) -> None:
    """Raise SettingsError where a key is set and is none: every event would be refused, and nobody would know for a day."""
    try:
        if public_key.strip():
            verification_key(public_key)
    except SignatureError:
        raise SettingsError(
            [
                "SENDGRID_WEBHOOK_PUBLIC_KEY: is no verification key; copy it from SendGrid's page "
                "Settings > Mail Settings > Event Webhooks > Signed Event Webhook, or leave it empty"
            ]
        ) from None


def receive(site: Site) -> ResponseReturnValue:
    """204 recorded, 400 no events, 401 not SendGrid's, 403 no key is set, 413 too large, 415 compressed."""
    settings = site.context.settings
    if not settings.sendgrid_webhook_public_key.strip():
        return _refuse("SENDGRID_WEBHOOK_PUBLIC_KEY is not set", "no verification key is set here", 403)
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        # SendGrid never compresses. What is never unpacked cannot burst.
        return _refuse("compressed", "the body must not be compressed", 415)
    request.max_content_length = EVENTS_LIMIT
    body = request.get_data(cache=False)  # the bytes as sent: a signature does not survive parsing
    try:
        verify(
            settings.sendgrid_webhook_public_key,
            request.headers.get(SIGNATURE_HEADER),
            request.headers.get(TIMESTAMP_HEADER),
            body,
            site.now(),
            timedelta(hours=settings.event_tolerance_hours),
        )
    except SignatureError as forged:
        return _refuse(forged.what, "the signature does not match", 401)
    try:
        events = parse(body)
    except NotEvents as wrong:
        return _refuse(str(wrong), "these are no events", 400)
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
        need_attention=list(recorded.need_attention),
    )
    return "", 204


def _refuse(why: str, words: str, status: int) -> ResponseReturnValue:
    say(log, logging.WARNING, "events refused", why=why, status=status)
    return words + "\n", status, {"Content-Type": "text/plain; charset=utf-8"}
