"""What SendGrid's event webhook says: a call's bytes become events. Pure; verifies nothing (sendgrid_signature.py does).

SendGrid repeats events, reorders them, and adds kinds and fields; nothing of that may cost the rest of a call.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from worker.domain.event import BounceClass, DropReason, Event, EventType
from worker.providers.sendgrid_bounces import bounce_class
from worker.providers.sendgrid_payload import DELIVERY_ARG, SUBMISSION_ARG

#: SendGrid's names (its event reference). Bounces are told apart by their type below.
EVENT_TYPES: dict[str, EventType] = {
    "processed": EventType.PROCESSED,
    "deferred": EventType.DEFERRED,
    "delivered": EventType.DELIVERED,
    "bounce": EventType.BOUNCED,
    "blocked": EventType.BLOCKED,
    "dropped": EventType.DROPPED,
    "open": EventType.OPENED,
    "click": EventType.CLICKED,
    "spamreport": EventType.COMPLAINED,
    "unsubscribe": EventType.UNSUBSCRIBED,
    "group_unsubscribe": EventType.UNSUBSCRIBED,
    "group_resubscribe": EventType.RESUBSCRIBED,
}

#: The seven reasons of a drop (its event reference). "Invalid" is about the address, "Invalid SMTPAPI header" about us.
DROP_REASONS: dict[str, DropReason] = {
    "bounced address": DropReason.BOUNCED,
    "unsubscribed address": DropReason.UNSUBSCRIBED,
    "spam reporting address": DropReason.COMPLAINED,
    "invalid": DropReason.INVALID,
    "spam content": DropReason.CONTENT,
    "invalid smtpapi header": DropReason.HEADER,
    "recipient list over package quota": DropReason.QUOTA,
}

REASON_CHARS = 500
MOST_EVENTS = 100_000  # in one call; SendGrid posts at most 768 kB, some 2,000 of them
_URL_CHARS = 2_000
_WORD_CHARS = 100
_LARGEST_ID = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NotEvents(ValueError):
    """A body that is no JSON, or holds more events than any call of SendGrid's could."""


def parse(body: bytes) -> list[Event]:
    """The events of one call, in its order. What is no event is left out; an unknown kind is kept as UNKNOWN.

    Raises NotEvents (a ValueError) only if the body is no JSON at all, so that SendGrid sends it again, or holds over
    MOST_EVENTS values.
    """
    try:
        items = orjson.loads(body)
    except orjson.JSONDecodeError:  # also for bytes that are no UTF-8, NaN and lone surrogates, which json forgives
        try:
            items = json.loads(body.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise NotEvents("the event call's body is not JSON") from None
    if isinstance(items, dict):
        items = [items]
    if not isinstance(items, list):
        return []
    if len(items) > MOST_EVENTS:
        raise NotEvents(f"the event call holds {len(items)} values; SendGrid's never come near {MOST_EVENTS}")
    return [_event(item) for item in items if isinstance(item, dict)]


def _event(item: Mapping[str, Any]) -> Event:
    name = _text(item, "event").lower()
    kind = EVENT_TYPES.get(name, EventType.UNKNOWN)
    bounce_type = _text(item, "type").lower()
    status = _text(item, "status")[:_WORD_CHARS]
    bounced: BounceClass | None = None
    if kind in (EventType.BOUNCED, EventType.BLOCKED):
        bounced = bounce_class(_text(item, "bounce_classification"), status)
        if bounce_type not in ("", "bounce"):
            kind = EventType.BLOCKED  # about reputation or the hour; a type we do not know suppresses nobody
    reason = _text(item, "reason") or _text(item, "response")
    return Event(
        type=kind,
        at=_time(item.get("timestamp")),
        address=_text(item, "email")[:320],
        dedupe_key=_dedupe_key(item, name, bounce_type),
        sg_event_id=_text(item, "sg_event_id")[:_WORD_CHARS],
        delivery_id=_number(item.get(DELIVERY_ARG)),
        submission_key=_text(item, SUBMISSION_ARG)[:_WORD_CHARS] or None,
        drop_reason=_drop_reason(reason) if kind is EventType.DROPPED else None,
        reason=reason[:REASON_CHARS],
        url=_text(item, "url")[:_URL_CHARS],
        bounce_class=bounced,
        status=status,
    )


def _dedupe_key(item: Mapping[str, Any], name: str, bounce_type: str) -> str:
    """Of what happened, not of the notification: copies of one event have come with differing sg_event_ids.

    https://github.com/sendgrid/sendgrid-nodejs/issues/1435
    """
    offset = item.get("url_offset")
    place = [offset.get("index"), offset.get("type")] if isinstance(offset, dict) else None
    happened = [name, bounce_type, item.get("timestamp"), item.get("url"), place, item.get("attempt")]
    if item.get(DELIVERY_ARG) or item.get(SUBMISSION_ARG):
        what = ["ours", item.get(DELIVERY_ARG), item.get(SUBMISSION_ARG), *happened]
    elif item.get("email") and item.get("timestamp"):
        what = ["theirs", item.get("email"), item.get("sg_message_id"), item.get("smtp-id"), *happened]
    elif item.get("sg_event_id"):
        what = ["id", item.get("sg_event_id")]
    else:
        what = ["whole", item]
    return hashlib.sha256(_bytes_of(what)).hexdigest()


def _bytes_of(what: list[Any]) -> bytes:
    """The same bytes for the same values, whatever they are: numbers past 64 bits, half surrogates, any depth."""
    try:
        return orjson.dumps(what, option=orjson.OPT_SORT_KEYS)
    except (TypeError, RecursionError):
        pass
    try:
        return json.dumps(what, sort_keys=True, default=str).encode()
    except (ValueError, RecursionError):  # nested so deep that nothing of it is an event; its names tell it from others
        return json.dumps([str(type(part)) if isinstance(part, list | dict) else str(part) for part in what]).encode()


def _drop_reason(reason: str) -> DropReason:
    words = " ".join(reason.lower().split())
    exact = DROP_REASONS.get(words)
    if exact:
        return exact
    # Longest first, so that "Invalid SMTPAPI header: ..." is not taken for "Invalid ...".
    for start in sorted(DROP_REASONS, key=len, reverse=True):
        if words.startswith(start):
            return DROP_REASONS[start]
    return DropReason.OTHER


def _text(item: Mapping[str, Any], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str):
        return ""
    if value.isascii() and "\0" not in value:
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "")  # lone surrogates and NUL cannot be stored


def _number(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        value = int(value)
    return value if type(value) is int and 0 <= value <= _LARGEST_ID else None


def _time(value: Any) -> datetime:
    """Unix seconds; the epoch where there is no usable time, which loses every comparison of which came later."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
        return _EPOCH + timedelta(seconds=seconds / 1000 if seconds > 1e11 else seconds)
    except (ValueError, OverflowError):
        return _EPOCH
