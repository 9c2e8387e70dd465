"""What SendGrid's answer means, as a value of worker/providers/base.py. Pure: the time is an argument.

The line that matters: a 202 alone is acceptance, a 4xx took nothing, and whatever else comes back after the request
has left whole is Unknown. Reasons come from SendGrid's texts, which quote addresses; `safe_reason` takes them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from worker.providers.base import Accepted, Answer, RateLimited, RefusalKind, Refused, Unavailable, Unknown, Validated
from worker.providers.sendgrid_transport import Reply

REASON_CHARS = 300
LONGEST_WAIT = timedelta(days=1)  # a rate limit further ahead is a broken header (milliseconds, for one)

_ROW = re.compile(r"personalizations[.\[](\d{1,6})\b")
_ADDRESS = re.compile(r"""("[^"]*"|[^\s<>\[\](){},;:"']*)\s*(@|＠|%40|&#64;)\s*[^\s<>\[\](){},;"']*""", re.IGNORECASE)
_KEY = re.compile(r"\b(SG\.[\w.-]+|Bearer\s+\S+)", re.IGNORECASE)

#: What each status is about where the status alone decides, and what to look at.
_BY_STATUS: dict[int, tuple[RefusalKind, str]] = {
    401: (RefusalKind.ACCOUNT, "SendGrid refused the API key, or the account's credits are used up"),
    403: (RefusalKind.ACCOUNT, "SendGrid refused: the key lacks the Mail Send scope, or the sender is not verified"),
    404: (RefusalKind.ACCOUNT, "there is no such call at this address; check SENDGRID_API_URL"),
    405: (RefusalKind.ACCOUNT, "this address does not take the call; check SENDGRID_API_URL"),
    413: (RefusalKind.SIZE, "the request is too large"),
    415: (RefusalKind.ACCOUNT, "this address does not take JSON; check SENDGRID_API_URL"),
}


def read_answer(reply: Reply, *, addressees: int, sandbox: bool, now: datetime) -> Answer:
    """The reply to a submission of so many addressees; `sandbox` says whether validation alone was asked for."""
    status = reply.status_code
    if status == 202:
        spent = str(reply.headers.get("X-RateLimit-Remaining", "")).strip() == "0"
        reset_at = _retry_at(reply.headers, now) if spent else None
        return Accepted(str(reply.headers.get("X-Message-Id", ""))[:200], reset_at)
    if status in _BY_STATUS:
        kind, meaning = _BY_STATUS[status]
        return Refused(kind, status, _with_texts(meaning, reply))
    if 300 <= status < 400:
        return Refused(RefusalKind.ACCOUNT, status, "the API's address redirects elsewhere; check SENDGRID_API_URL")
    if status == 429:
        return RateLimited(_retry_at(reply.headers, now))
    if reply.broken or status == 408 or not 200 <= status < 500:
        return _without_answer(reply)
    if status == 400:
        return _bad_request(reply, addressees)
    if status == 200 and sandbox:
        return Validated()
    if status < 300:
        return Unknown(f"unexpected answer {status}; only 202 means accepted", status)
    return Refused(RefusalKind.ACCOUNT, status, _with_texts(f"SendGrid answered {status}", reply))


def safe_reason(text: str) -> str:
    """One line without anything that looks like an address or a key, at most 300 characters."""
    line = " ".join(text.split())
    line = _ADDRESS.sub("[address]", _KEY.sub("[key]", line))
    line = "".join(c for c in line if c.isprintable())
    return line if len(line) <= REASON_CHARS else line[: REASON_CHARS - 1] + "…"


def _without_answer(reply: Reply) -> Answer:
    what = f"SendGrid answered {reply.status_code}"
    if reply.broken:
        what += f", and {reply.broken}"
    if not reply.sent_whole:  # a server that never had the whole request cannot have taken it
        return Unavailable(f"{what}, before the request had left whole")
    return Unknown(what, reply.status_code)


def _bad_request(reply: Reply, addressees: int) -> Refused:
    rows: dict[int, str] = {}
    about_message: list[str] = []
    texts: list[str] = []
    for field, text in error_texts(reply.body):
        row = _ROW.match(field)
        if row and int(row[1]) < addressees:
            rows.setdefault(int(row[1]), safe_reason(text))
        elif field and field != "personalizations" and not row:
            about_message.append(f"{field}: {text}")
        else:  # about all rows, or none, or one that does not exist: it names nobody
            texts.append(text)
    if about_message:
        return Refused(RefusalKind.MESSAGE, 400, safe_reason("; ".join(about_message)))
    if rows:
        return Refused(RefusalKind.ROWS, 400, f"SendGrid refused {len(rows)} of {addressees} addressees", rows)
    return Refused(RefusalKind.UNNAMED, 400, safe_reason("; ".join(texts)) or "SendGrid refused without a reason")


def error_texts(body: bytes) -> Iterator[tuple[str, str]]:
    """Field (may be empty) and text of each error; nothing where the body is not SendGrid's JSON."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    errors: Any = answer.get("errors") if isinstance(answer, dict) else None
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            field, text = error.get("field"), error.get("message")
            yield (field if isinstance(field, str) else "", text if isinstance(text, str) else "no reason given")


def _with_texts(meaning: str, reply: Reply) -> str:
    texts = "; ".join(text for _, text in error_texts(reply.body))
    return safe_reason(f"{meaning} ({texts})" if texts else meaning)


def _retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """The later of X-RateLimit-Reset (Unix seconds) and Retry-After (seconds or a date); None without a usable one."""
    candidates = [_reset_time(headers.get("X-RateLimit-Reset", "")), _after_time(headers.get("Retry-After", ""), now)]
    usable = [at for at in candidates if at is not None and now < at <= now + LONGEST_WAIT]
    return max(usable, default=None)


def _reset_time(value: str) -> datetime | None:
    seconds = _whole_number(value)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _after_time(value: str, now: datetime) -> datetime | None:
    seconds = _whole_number(value)
    if seconds is not None:
        return now + timedelta(seconds=seconds) if seconds <= LONGEST_WAIT.total_seconds() else None
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _whole_number(value: str) -> int | None:
    return int(value) if re.fullmatch(r"[0-9]{1,11}", value.strip()) else None
