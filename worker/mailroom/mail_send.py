"""POST /v3/mail/send: from the first byte to the answer, with whatever fault the script holds for it.

Owns the order of SendGrid's checks (key, content type, size, JSON, rules). Keeping is the room's business.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import orjson

from worker.mailroom.faults import FOR_EVER, TOO_LARGE, Fault, Script, error_body, json_answer, reset_header
from worker.mailroom.rules import Problem, problems
from worker.mailroom.tally import Tally
from worker.mailroom.wire import Answer, Request, Wire

BODY_BYTES = 30 * 1024 * 1024 - 1  # limitations page: the total size is less than 30 MB
_NO_FAULT = Fault("none", accepts=True)

Accept = Callable[[dict[str, Any], str, float], None]


class MailSend:
    """The endpoint. `accept(body, message_id, now)` must have kept the mail when it returns: the 202 goes out after."""

    def __init__(
        self,
        accept: Accept,
        tally: Tally,
        script: Script,
        *,
        api_keys: Sequence[str],
        latency_seconds: float,
        stopping: threading.Event,
    ) -> None:
        self._accept = accept
        self._tally = tally
        self._script = script
        self._credentials = frozenset(f"Bearer {key}" for key in api_keys)
        self._latency = latency_seconds
        self._stopping = stopping

    def serve(self, wire: Wire, request: Request) -> bool:
        """Answer one request, or fail as scripted; whether the connection goes on."""
        self._tally.requested()
        fault = self._script.take() or _NO_FAULT
        if not fault.reads:
            self._tally.answered("none")
            return False
        body = wire.body(request, BODY_BYTES)
        honest = TOO_LARGE if body is None else self._honest(request, body, fault)
        if fault.waits == FOR_EVER:
            self._tally.answered("none")
            wire.until_closed()
            return False
        stopped = bool(self._latency or fault.waits) and self._stopping.wait(self._latency + fault.waits)
        if stopped or fault.drops or fault.raw:
            self._tally.answered("none")
            if fault.raw and not stopped:
                wire.raw(fault.raw)
            return False
        answer = honest
        if fault.answer:
            answer = replace(fault.answer, headers={**fault.answer.headers, **reset_header(fault, time.time())})
        self._tally.answered(answer.status)
        go_on = request.keep_alive and body is not None
        wire.answer(answer, keep_alive=go_on)
        if body is None:
            wire.linger()
        return go_on

    def _honest(self, request: Request, body: memoryview, fault: Fault) -> Answer:
        """What SendGrid would answer. Mail is kept here, if the fault lets it."""
        if not self._authorised(request):
            message = "The provided authorization grant is invalid, expired, or revoked"
            return json_answer(401, error_body(message))
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
        now = time.time()
        found = problems(message, now)
        if found:
            return json_answer(400, _errors(found))
        if _sandboxed(message):
            return Answer(200)
        message_id = secrets.token_urlsafe(16)
        if fault.accepts and not fault.discards:
            self._accept(message, message_id, now)
        return Answer(202, headers={"X-Message-Id": message_id})

    def _authorised(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if self._credentials:
            return given in self._credentials
        return given.startswith("Bearer ") and given.removeprefix("Bearer ").strip() not in ("", "None")


def _errors(found: Sequence[Problem]) -> bytes:
    return orjson.dumps({"errors": [{"message": one.message, "field": one.field, "help": None} for one in found]})


def _sandboxed(message: dict[str, Any]) -> bool:
    switch = message.get("mail_settings", {}).get("sandbox_mode", {})
    return switch.get("enable") is True
