"""Scripted faults: what the mailroom does instead of answering as it should, request by request.

A fault says how far a request comes (read, accepted) and what the sender then sees. It is data; exchange.py acts on it.
The script is set from Python or as JSON over POST /_mailroom/faults.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from worker.errors import UsageError
from worker.mailroom.wire import Answer

FOR_EVER = float("inf")
MAIL_SEND = "/v3/mail/send"


@dataclass(frozen=True, slots=True)
class Fault:
    """How one request goes wrong, in this order.

    `reads`: its body is read. `accepts`: if it is valid, its mail is kept and counted (of another call: it is done).
    `waits`: seconds before the answer, FOR_EVER for none at all. Then `answer` is given, or `raw` bytes, or with
    `drops` the connection is closed; with none of the three the answer is the honest one. `discards`: the honest
    answer, and nothing is kept or done.

    `path` is the call that meets it, and everything below; `method` narrows it to one. `count` requests in a row meet
    it. With `at`, it meets the at-th request (from 1) of that path after the script was set instead of standing in the
    row.
    """

    name: str
    reads: bool = True
    accepts: bool = False
    discards: bool = False
    waits: float = 0.0
    answer: Answer | None = None
    raw: bytes = b""
    drops: bool = False
    reset_seconds: float | None = None
    count: int = 1
    at: int | None = None
    path: str = MAIL_SEND
    method: str = ""

    def __post_init__(self) -> None:
        if self.count < 1 or (self.at is not None and self.at < 1):
            raise ValueError("count and at are at least 1")
        if not self.path.startswith("/v3/"):
            raise ValueError("a path begins with /v3/")

    def times(self, count: int) -> Fault:
        """The same fault for `count` requests in a row."""
        return replace(self, count=count)

    def on(self, number: int) -> Fault:
        """The same fault for the number-th request (from 1) after the script was set."""
        return replace(self, at=number)

    def calling(self, path: str, method: str = "") -> Fault:
        """The same fault for another call than mail send: `faults.dropped().calling("/v3/mail/batch")`."""
        return replace(self, path=path, method=method)


def status(status: int, *, accepted: bool = False, body: str = "", message: str = "scripted fault") -> Fault:
    """Any status, with an error body unless another is given; `accepted`: after the mail was taken (an evil 5xx)."""
    content = body.encode() if body else error_body(message)
    return Fault(f"status {int(status)}", accepts=accepted, answer=json_answer(status, content))


def rate_limited(reset_seconds: float | None = 1.0) -> Fault:
    """429; `X-RateLimit-Reset` lies so many seconds ahead (rounded up to a whole one), or is left out for None."""
    return Fault("rate limited", answer=json_answer(429, error_body("too many requests")), reset_seconds=reset_seconds)


def last_allowed(reset_seconds: float = 1.0) -> Fault:
    """The honest answer, and in its headers that it was the last one before the reset, so many seconds ahead."""
    return Fault("last allowed", accepts=True, reset_seconds=float(reset_seconds))


def late(seconds: float) -> Fault:
    """The mail is taken; the 202 comes so many seconds later."""
    return Fault("late", accepts=True, waits=float(seconds))


def dropped(when: str = "after_accepting") -> Fault:
    """The connection closes `before_reading`, `after_reading` (nothing taken) or `after_accepting`."""
    moments = {"before_reading": (False, False), "after_reading": (True, False), "after_accepting": (True, True)}
    if when not in moments:
        raise UsageError(f"a connection is dropped {', '.join(moments)}, not {when}")
    reads, accepts = moments[when]
    return Fault(f"dropped {when}", reads=reads, accepts=accepts, drops=True)


def redirect(location: str, status: int = 302) -> Fault:
    """301, 302, 303, 307 or 308 with a Location."""
    return Fault(f"redirect {status}", answer=Answer(status, headers={"Location": location}))


def rows_refused(rows: Sequence[int], *, message: str = "Does not contain a valid address.") -> Fault:
    """400 that names these personalizations (numbers from 0); nothing is taken."""
    errors = [{"message": message, "field": f"personalizations.{row}.to.0.email", "help": None} for row in rows]
    return Fault("rows refused", answer=json_answer(400, orjson.dumps({"errors": errors})))


def refused(message: str = "Bad Request", field: str | None = None) -> Fault:
    """400 that names no row: about `field` of the message, or about nothing at all."""
    return Fault("refused", answer=json_answer(400, error_body(message, field)))


def too_large() -> Fault:
    """413 as it really comes: HTML from the proxy in front."""
    return Fault("too large", answer=TOO_LARGE)


def garbage() -> Fault:
    """Bytes that are no HTTP; nothing is taken."""
    return Fault("garbage", raw=b"\x00\x01 this is not HTTP\r\n\r\n")


def never() -> Fault:
    """The body is read, nothing is taken, no answer ever comes."""
    return Fault("never", waits=FOR_EVER)


def discarded() -> Fault:
    """202, and nothing is kept."""
    return Fault("discarded", discards=True)


FAULTS: dict[str, Callable[..., Fault]] = {
    one.__name__: one
    for one in (
        status,
        rate_limited,
        last_allowed,
        late,
        dropped,
        redirect,
        rows_refused,
        refused,
        too_large,
        garbage,
        never,
        discarded,
    )
}


_OF_ANY = ("fault", "count", "at", "path", "method")


def parse_faults(source: Any) -> list[Fault]:
    """Faults from JSON: `[{"fault": "rate_limited", "reset_seconds": 7, "count": 2}, {"fault": "late", "at": 3, ...}]`.

    `path` and `method` name another call than mail send.
    The other keys are the arguments of the function of that name. Raises UsageError naming the entry (from 1).
    """
    if not isinstance(source, list):
        raise UsageError("a script is a JSON array of objects with a `fault` each")
    return [_parse_fault(number, entry) for number, entry in enumerate(source, 1)]


def _parse_fault(number: int, entry: Any) -> Fault:
    known = ", ".join(FAULTS)
    if not isinstance(entry, dict) or entry.get("fault") not in FAULTS:
        raise UsageError(f"entry {number} names no fault", fix=f"set `fault` to one of: {known}")
    make = FAULTS[entry["fault"]]
    given = {key: value for key, value in entry.items() if key not in _OF_ANY}
    try:
        inspect.signature(make).bind(**given)
        fault = make(**given)
        return replace(
            fault,
            count=int(entry.get("count", 1)),
            at=int(entry["at"]) if "at" in entry else None,
            path=str(entry.get("path", MAIL_SEND)),
            method=str(entry.get("method", "")).upper(),
        )
    except (TypeError, ValueError) as wrong:
        takes = ", ".join(inspect.signature(make).parameters) or "no arguments"
        raise UsageError(f"entry {number} cannot be used: {wrong}", fix=f"{entry['fault']} takes {takes}") from None


def reset_header(fault: Fault, now: float) -> dict[str, str]:
    """The rate limit headers of an answer, counted from the moment it is given."""
    if fault.reset_seconds is None:
        return {}
    reset = -int(-(now + fault.reset_seconds) // 1)  # rounded up, so that nobody who obeys comes too early
    return {"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}


def error_body(message: str, field: str | None = None) -> bytes:
    """SendGrid's error JSON with one entry."""
    return orjson.dumps({"errors": [{"message": message, "field": field, "help": None}]})


def json_answer(status: int, body: bytes) -> Answer:
    """An answer that says it is JSON."""
    return Answer(status, body, {"Content-Type": "application/json"})


TOO_LARGE = Answer(
    413,
    b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n"
    b"<center><h1>413 Request Entity Too Large</h1></center>\r\n</body>\r\n</html>\r\n",
    {"Content-Type": "text/html"},
)
