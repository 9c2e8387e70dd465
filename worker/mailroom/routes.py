"""Which path leads where. SendGrid's paths answer as SendGrid, `/_mailroom/` steers the mailroom, the rest is for people."""

from __future__ import annotations

from typing import Any

import orjson

from worker.errors import UsageError
from worker.mailroom.faults import Script, error_body, json_answer, parse_faults
from worker.mailroom.inbox import Inbox
from worker.mailroom.mail_send import MailSend
from worker.mailroom.tally import Tally
from worker.mailroom.wire import Answer, Request, Wire

_STEERING_BYTES = 1024 * 1024


class Routes:
    """Answers every request of a mailroom."""

    def __init__(self, mail_send: MailSend, tally: Tally, script: Script, inbox: Inbox | None) -> None:
        self._mail_send = mail_send
        self._tally = tally
        self._script = script
        self._inbox = inbox

    def serve(self, wire: Wire, request: Request) -> bool:
        """Read the rest of a request and answer it; whether the connection goes on."""
        if request.path == "/v3/mail/send" and request.method == "POST":
            return self._mail_send.serve(wire, request)
        body = wire.body(request, _STEERING_BYTES)
        if body is None:
            wire.answer(json_answer(413, error_body("too much for this path")), keep_alive=False)
            wire.linger()
            return False
        wire.answer(self._answer(request, bytes(body)), keep_alive=request.keep_alive)
        return request.keep_alive

    def stats(self) -> dict[str, Any]:
        """Counts, and what is left of the script."""
        return {**self._tally.counts(), "faults_left": len(self._script.left())}

    def _answer(self, request: Request, body: bytes) -> Answer:
        match request.method, request.path:
            case "GET", "/_mailroom/stats":
                return json_answer(200, orjson.dumps(self.stats()))
            case "GET", "/_mailroom/addresses":
                return json_answer(200, orjson.dumps(self._tally.per_address()))
            case "GET", "/_mailroom/faults":
                return json_answer(200, orjson.dumps(self._script.left()))
            case "POST", "/_mailroom/faults":
                return self._set_faults(body)
            case _, "/v3/mail/send":
                return json_answer(405, error_body("method not allowed"))
        return json_answer(404, error_body("not found"))

    def _set_faults(self, body: bytes) -> Answer:
        try:
            faults = parse_faults(orjson.loads(body))
        except orjson.JSONDecodeError:
            return json_answer(400, error_body("the script is not JSON"))
        except UsageError as wrong:
            return json_answer(400, error_body(str(wrong)))
        self._script.set(faults)
        return json_answer(200, orjson.dumps(self._script.left()))
