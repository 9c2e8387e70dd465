"""POST /v3/mail/send: from the first byte to the answer, with whatever fault the script holds for it.

Owns the order of SendGrid's checks (key, content type, size, JSON, rules). Keeping is the room's business.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from worker.mailroom.exchange import NO_FAULT, Keys, exchange
from worker.mailroom.faults import error_body, json_answer
from worker.mailroom.rules import Problem, problems
from worker.mailroom.script import Script
from worker.mailroom.tally import Tally
from worker.mailroom.wire import Answer, Request, Wire

BODY_BYTES = 30 * 1024 * 1024 - 1  # limitations page: the total size is less than 30 MB

Accept = Callable[[dict[str, Any], str, float], None]


class MailSend:
    """The endpoint. `accept(body, message_id, now)` must have kept the mail when it returns: the 202 goes out after."""

    def __init__(
        self,
        accept: Accept,
        tally: Tally,
        script: Script,
        *,
        keys: Keys,
        now: Callable[[], float],
        may_send: bool,
        known_batch: Callable[[str], bool],
        latency_seconds: float,
        stopping: threading.Event,
    ) -> None:
        self._accept = accept
        self._tally = tally
        self._script = script
        self._keys = keys
        self._now = now
        self._may_send = may_send
        self._known_batch = known_batch
        self._latency = latency_seconds
        self._stopping = stopping

    def serve(self, wire: Wire, request: Request) -> bool:
        """Answer one request, or fail as scripted; whether the connection goes on."""
        self._tally.requested()
        return exchange(
            wire,
            request,
            self._script.take() or NO_FAULT,
            lambda body, does: self._honest(request, body, does),
            most=BODY_BYTES,
            stopping=self._stopping,
            latency_seconds=self._latency,
            answered=self._tally.answered,
        )

    def _honest(self, request: Request, body: memoryview, does: bool) -> Answer:
        """What SendGrid would answer. Mail is kept here, if `does`."""
        if not self._keys.good(request):
            message = "The provided authorization grant is invalid, expired, or revoked"
            return json_answer(401, error_body(message))
        if not self._may_send:
            return json_answer(403, error_body("access forbidden"))
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return json_answer(415, error_body("Content-Type should be application/json."))
        if "content-encoding" in request.headers:  # documented for "some high volume accounts" only
            return json_answer(415, error_body("Content-Encoding is not available to this account."))
        try:
            message = orjson.loads(body)
        except orjson.JSONDecodeError as broken:
            if "utf-8" in str(broken).lower():
                return json_answer(415, error_body("Invalid UTF-8"))
            return json_answer(400, error_body("Bad Request"))
        now = self._now()
        found = problems(message, now)
        if not found and "batch_id" in message and not self._known_batch(message["batch_id"]):
            found = [Problem("The batch id is not valid.", "batch_id")]
        if found:
            return json_answer(400, _errors(found))
        if _sandboxed(message):
            return Answer(200)
        message_id = secrets.token_urlsafe(16)
        if does:
            self._accept(message, message_id, now)
        return Answer(202, headers={"X-Message-Id": message_id})


def _errors(found: Sequence[Problem]) -> bytes:
    return orjson.dumps({"errors": [{"message": one.message, "field": one.field, "help": None} for one in found]})


def _sandboxed(message: dict[str, Any]) -> bool:
    switch = message.get("mail_settings", {}).get("sandbox_mode", {})
    return switch.get("enable") is True
