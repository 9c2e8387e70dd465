"""The calls about scheduled mail: batch ids, and pausing, cancelling, reading and freeing them.

Shapes are the official OpenAPI's (tsg_mail_v3 and tsg_scheduled_sends_v3), held by tests/contract. What GET answers for
an id without a status is not documented: an empty list here.
"""

from __future__ import annotations

from typing import Any

import orjson

from worker.mailroom.calls import Call
from worker.mailroom.faults import error_body, json_answer
from worker.mailroom.scheduled import Refusal, ScheduledMail, Status
from worker.mailroom.wire import Answer


class ScheduledCalls:
    """POST /v3/mail/batch, GET /v3/mail/batch/{id}, and /v3/user/scheduled_sends."""

    def __init__(self, mail: ScheduledMail) -> None:
        self._mail = mail

    def answer(self, call: Call) -> Answer | None:
        """The answer to a call of this room."""
        try:
            match call.parts:
                case ("mail", "batch", *rest):
                    return self._batch(call, rest)
                case ("user", "scheduled_sends", *rest):
                    return self._sends(call, rest)
        except Refusal as refusal:
            return json_answer(refusal.status, error_body(refusal.message, refusal.field))
        return None

    def _batch(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "POST", []:
                return _json(201, {"batch_id": self._mail.reserve(call.does)})
            case "GET", [batch_id]:
                if not self._mail.known(batch_id):
                    raise Refusal(400, "invalid batch id", "batch_id")
                return _json(200, {"batch_id": batch_id})
            case _, [] | [_]:
                return _not_allowed()
        return _not_found()

    def _sends(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "POST", []:
                batch_id, status = _text(call.body, "batch_id"), _status(call.body)
                self._mail.hold(batch_id, status, call.does)
                return _json(201, {"batch_id": batch_id, "status": status})
            case "GET", [] | [_]:
                held = self._mail.statuses()
                wanted = held if not rest else {one: held[one] for one in rest if one in held}
                return _json(200, [{"batch_id": one, "status": status} for one, status in wanted.items()])
            case "PATCH", [batch_id]:
                self._mail.change(batch_id, _status(call.body), call.does)
                return Answer(204)
            case "DELETE", [batch_id]:
                self._mail.lift(batch_id, call.does)
                return Answer(204)
            case _, [] | [_]:
                return _not_allowed()
        return _not_found()


def _text(body: Any, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if not isinstance(value, str) or not value:
        raise Refusal(400, f"The {name} is required and must be a string.", name)
    return value


def _status(body: Any) -> Status:
    match _text(body, "status"):
        case "pause":
            return "pause"
        case "cancel":
            return "cancel"
    raise Refusal(400, "The status must be pause or cancel.", "status")


def _json(status: int, content: Any) -> Answer:
    return json_answer(status, orjson.dumps(content))


def _not_allowed() -> Answer:
    return json_answer(405, error_body("method not allowed"))


def _not_found() -> Answer:
    return json_answer(404, error_body("not found"))
