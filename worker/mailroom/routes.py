"""Which path leads where. SendGrid's paths answer as SendGrid, `/_mailroom/` steers the mailroom, the rest is for people."""

from __future__ import annotations

import re
from typing import Any

import orjson

from worker.errors import UsageError
from worker.mailroom import pages
from worker.mailroom.events import EventPoster
from worker.mailroom.faults import Script, error_body, json_answer, parse_faults
from worker.mailroom.inbox import Inbox
from worker.mailroom.mail_send import MailSend
from worker.mailroom.signing import Signer
from worker.mailroom.tally import Tally
from worker.mailroom.wire import Answer, Request, Wire

_STEERING_BYTES = 1024 * 1024
_MESSAGE = re.compile(r"/messages/([0-9]{1,9})(/html)?")
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?")


class Routes:
    """Answers every request of a mailroom."""

    def __init__(
        self,
        mail_send: MailSend,
        tally: Tally,
        script: Script,
        *,
        inbox: Inbox | None,
        poster: EventPoster | None,
        signer: Signer,
    ) -> None:
        self._mail_send = mail_send
        self._tally = tally
        self._script = script
        self._inbox = inbox
        self._poster = poster
        self._signer = signer

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
        events = self._poster.counts() if self._poster else {}
        return {**self._tally.counts(), "faults_left": len(self._script.left()), **events}

    def _answer(self, request: Request, body: bytes) -> Answer:
        if not _HOST.fullmatch(request.headers.get("host", "")):
            # A page elsewhere could point its own name at this machine and read the inbox through it.
            return json_answer(421, error_body("the mailroom is for this machine alone"))
        match request.method, request.path:
            case "GET", "/_mailroom/stats":
                return json_answer(200, orjson.dumps(self.stats()))
            case "GET", "/_mailroom/addresses":
                return json_answer(200, orjson.dumps(self._tally.per_address()))
            case "DELETE", "/_mailroom/stats":
                self._tally.clear()
                return Answer(204)
            case "GET", "/_mailroom/duplicates":
                return json_answer(200, orjson.dumps(sorted(self._tally.repeated_deliveries())))
            case "GET", "/_mailroom/faults":
                return json_answer(200, orjson.dumps(self._script.left()))
            case "POST", "/_mailroom/faults":
                return self._set_faults(body)
            case "GET", "/_mailroom/public-key":
                return Answer(200, self._signer.public_key.encode(), {"Content-Type": "text/plain"})
            case _, "/v3/mail/send":
                return json_answer(405, error_body("method not allowed"))
            case "GET", path if not path.startswith(("/v3/", "/_mailroom/")):
                return self._page(request)
        return json_answer(404, error_body("not found"))

    def _page(self, request: Request) -> Answer:
        if request.path == "/style.css":
            return pages.style()
        if request.path == "/":
            return self._list(request)
        wanted = _MESSAGE.fullmatch(request.path)
        message = self._inbox.message(int(wanted[1])) if wanted and self._inbox is not None else None
        if not wanted or message is None or self._inbox is None:
            return pages.missing_page()
        if wanted[2]:
            return pages.message_html(message)
        return pages.message_page(message, int(wanted[1]), len(self._inbox))

    def _list(self, request: Request) -> Answer:
        address, asked = request.query.get("to", ""), request.query.get("page", "1")
        page = max(int(asked), 1) if re.fullmatch("[0-9]{1,9}", asked) else 1
        start = (page - 1) * pages.PER_PAGE
        entries, total = (
            self._inbox.page(start, pages.PER_PAGE, address=address) if self._inbox is not None else ([], 0)
        )
        return pages.list_page(entries, total, page, address)

    def _set_faults(self, body: bytes) -> Answer:
        try:
            faults = parse_faults(orjson.loads(body))
        except orjson.JSONDecodeError:
            return json_answer(400, error_body("the script is not JSON"))
        except UsageError as wrong:
            return json_answer(400, error_body(str(wrong)))
        self._script.set(faults)
        return json_answer(200, orjson.dumps(self._script.left()))
