"""What a reader would get: a request's personalizations turned into messages. Pure.

A personalization's own values win over the message's; headers and custom args are merged. Substitutions are plain
text replacement in subject, reply-to and content, never in headers or custom args (the documents name only those).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from worker.mailroom.clicks import track

# The custom args by which Broadsheet knows a delivery and a submission when events come back.
DELIVERY_ARG = "bs_delivery"
SUBMISSION_ARG = "bs_submission"


def expand(
    request: Mapping[str, Any],
    message_id: str,
    accepted_at: float,
    *,
    released_at: float | None = None,
    rows: Sequence[int] | None = None,
    base_url: str = "",
) -> Iterator[dict[str, Any]]:
    """One dict per recipient, in order: to, to_name, from, from_name, reply_to, subject, headers, html, text,
    custom_args, categories, send_at, message_id, number (from 0, of its personalization), submission (the custom arg
    `bs_submission`, or ""), accepted_at and released_at (Unix seconds; the same unless it waited). `cc` and `bcc` get a
    copy each, marked by `as`. `rows` are the personalizations' places where they are only some of the request's.
    `base_url` is the mailroom's own; without it no link is tracked.
    """
    html, text = _content(request, "text/html"), _content(request, "text/plain")
    reply_to = (request.get("reply_to") or {}).get("email", "")
    places = range(len(request["personalizations"])) if rows is None else rows
    for number, row in zip(places, request["personalizations"], strict=True):
        values: Mapping[str, str] = row.get("substitutions") or {}
        sender = row.get("from") or request["from"]
        custom_args = {**request.get("custom_args", {}), **row.get("custom_args", {})}
        own_html, own_text = track(request, _replaced(html, values), _replaced(text, values), base_url)
        shared = {
            "from": sender["email"],
            "from_name": sender.get("name", ""),
            "reply_to": _replaced(reply_to, values),
            "subject": _replaced(row.get("subject") or request.get("subject", ""), values),
            "headers": {**request.get("headers", {}), **row.get("headers", {})},
            "html": own_html,
            "text": own_text,
            "custom_args": custom_args,
            "categories": request.get("categories", []),
            "send_at": row.get("send_at", request.get("send_at")),
            "message_id": message_id,
            "submission": custom_args.get(SUBMISSION_ARG, ""),
            "number": number,
            "accepted_at": accepted_at,
            "released_at": accepted_at if released_at is None else released_at,
        }
        for field in ("to", "cc", "bcc"):
            for one in row.get(field) or ():
                yield {"to": one["email"], "to_name": one.get("name", ""), "as": field, **shared}


def recipients(request: Mapping[str, Any]) -> list[str]:
    """Everyone a request goes to, as written: first every `to` in order, then `cc`, then `bcc`."""
    rows = request["personalizations"]
    found = [one["email"] for row in rows for one in row["to"]]
    found += [one["email"] for row in rows if "cc" in row for one in row["cc"]]
    return found + [one["email"] for row in rows if "bcc" in row for one in row["bcc"]]


def deliveries(request: Mapping[str, Any]) -> list[str]:
    """The delivery ids a request carries, in the order of its personalizations; those without one are left out."""
    above = request.get("custom_args", {}).get(DELIVERY_ARG)
    rows = request["personalizations"]
    carried = [row["custom_args"].get(DELIVERY_ARG, above) if "custom_args" in row else above for row in rows]
    return [one for one in carried if one is not None]


def _content(request: Mapping[str, Any], kind: str) -> str:
    return next((block["value"] for block in request.get("content", ()) if block["type"] == kind), "")


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for tag, value in values.items():
        if tag:
            text = text.replace(tag, value)
    return text
