"""Which path leads where. SendGrid's paths answer as SendGrid, `/_mailroom/` steers the mailroom, the rest is for people."""

from __future__ import annotations

import re

from worker.mailroom import pages
from worker.mailroom.calls import Calls
from worker.mailroom.clicks import CLICK_PATH, target
from worker.mailroom.faults import MAIL_SEND, error_body, json_answer
from worker.mailroom.inbox import Inbox
from worker.mailroom.mail_send import MailSend
from worker.mailroom.mime import as_mail
from worker.mailroom.steering import Steering
from worker.mailroom.wire import Answer, Request, Wire

_STEERING_BYTES = 1024 * 1024
_MESSAGE = re.compile(r"/messages/([0-9]{1,9})(/html|\.eml)?")


class Routes:
    """Answers every request of a mailroom."""

    def __init__(self, mail_send: MailSend, calls: Calls, steering: Steering, *, inbox: Inbox | None) -> None:
        self._mail_send = mail_send
        self._calls = calls
        self._steering = steering
        self._inbox = inbox

    def serve(self, wire: Wire, request: Request) -> bool:
        """Read the rest of a request and answer it; whether the connection goes on."""
        if request.path == MAIL_SEND and request.method == "POST":
            return self._mail_send.serve(wire, request)
        if request.path.startswith("/v3/") and request.path != MAIL_SEND:
            return self._calls.serve(wire, request)
        body = wire.body(request, _STEERING_BYTES)
        if body is None:
            wire.answer(json_answer(413, error_body("too much for this path")), keep_alive=False)
            wire.linger()
            return False
        wire.answer(self._answer(request, bytes(body)), keep_alive=request.keep_alive)
        return request.keep_alive

    def _answer(self, request: Request, body: bytes) -> Answer:
        if not request.is_local:
            return json_answer(421, error_body("the mailroom is for this machine alone"))
        if request.path == MAIL_SEND:
            return json_answer(405, error_body("method not allowed"))
        if request.path.startswith("/_mailroom/"):
            return self._steering.answer(request.method, request.path.removeprefix("/_mailroom/"), body)
        if request.method == "GET":
            self._steering.turn()
            return _onward(request) if request.path == CLICK_PATH else self._page(request)
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
        if wanted[2] == ".eml":
            return Answer(
                200, as_mail(message), {"Content-Type": "message/rfc822", "X-Content-Type-Options": "nosniff"}
            )
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


def _onward(request: Request) -> Answer:
    """A tracked link: on to where it led before it was tracked."""
    address = target(request.query.get("upn", ""))
    if address is None:
        return pages.missing_page()
    location = address.encode().decode("latin-1")  # a header is bytes; what the link said stays what it was
    return Answer(302, headers={"Location": location, "Referrer-Policy": "no-referrer"})
