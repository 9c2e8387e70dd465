"""SendGrid's event webhook, over bytes: is a call provably SendGrid's, and what does it say. Pure; records nothing.

The signature covers the body as it came, so verification takes bytes and never re-serialised JSON. SendGrid repeats
events, reorders them, and adds kinds and fields; nothing of that may cost the rest of a call.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from worker.domain.event import DropReason, Event, EventType
from worker.errors import SignatureError
from worker.providers.sendgrid_payload import DELIVERY_ARG, SUBMISSION_ARG

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"

#: SendGrid repeats a call for 24 hours, and does not say whether it signs a repeat anew. Replays inside this change
#: nothing, because events are recorded once.
TOLERANCE = timedelta(hours=25)

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
    "invalid smtpapi header": DropReason.OTHER,
    "recipient list over package quota": DropReason.QUOTA,
}

REASON_CHARS = 500
_URL_CHARS = 2_000
_LARGEST_ID = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def verify(
    public_key: str,
    signature: str | None,
    timestamp: str | None,
    body: bytes,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> None:
    """Return if the call is SendGrid's and no older (or newer) than `tolerance`; raise SignatureError in every other case.

    `signature` and `timestamp` are the two headers' values, None where absent.
    """
    key = verification_key(public_key)
    if not signature or not timestamp or not re.fullmatch(r"[0-9]{1,11}", timestamp):
        raise SignatureError("the event call is not signed", fix="turn on the signed event webhook at SendGrid")
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise SignatureError(
            "the event call's signature does not fit", fix="check SENDGRID_WEBHOOK_PUBLIC_KEY against SendGrid's page"
        ) from None
    if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > tolerance:
        raise SignatureError("the event call's time is too far from ours", fix="check this machine's clock")


@lru_cache(maxsize=8)
def verification_key(public_key: str) -> ec.EllipticCurvePublicKey:
    """The key as SendGrid shows it, however it was pasted: with PEM lines, quotes, blanks, written-out `\\n`.

    Raises SignatureError for anything that is no P-256 public key, an empty setting included.
    """
    text = re.sub(r"-----[A-Z ]+-----", "", public_key.replace("\\n", "\n").replace("\\r", "\n"))
    text = re.sub(r"""[\s"'`\ufeff\u200b]""", "", text)
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except Exception:  # whatever the library makes of a broken key, the answer is the same: nothing verifies
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(
            "SENDGRID_WEBHOOK_PUBLIC_KEY is no verification key",
            fix="copy the key from SendGrid's event webhook settings",
        )
    return key


def parse(body: bytes) -> list[Event]:
    """The events of one call, in its order. What is no event is left out; an unknown kind is kept as UNKNOWN.

    Raises ValueError only if the body is no JSON at all, so that SendGrid sends it again.
    """
    try:
        items = orjson.loads(body)
    except orjson.JSONDecodeError:  # also for bytes that are no UTF-8 and for lone surrogates, which json forgives
        try:
            items = json.loads(body.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise ValueError("the event call's body is not JSON") from None
    if isinstance(items, dict):
        items = [items]
    return [_event(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _event(item: Mapping[str, Any]) -> Event:
    name = _text(item, "event").lower()
    kind = EVENT_TYPES.get(name, EventType.UNKNOWN)
    bounce_type = _text(item, "type").lower()
    if kind is EventType.BOUNCED and bounce_type not in ("", "bounce"):
        kind = EventType.BLOCKED  # `blocked` is about reputation or the hour; a type we do not know suppresses nobody
    reason = _text(item, "reason") or _text(item, "response")
    return Event(
        type=kind,
        at=_time(item.get("timestamp")),
        address=_text(item, "email")[:320],
        dedupe_key=_dedupe_key(item, name, bounce_type),
        sg_event_id=_text(item, "sg_event_id")[:100],
        delivery_id=_number(item.get(DELIVERY_ARG)),
        submission_key=_text(item, SUBMISSION_ARG)[:100] or None,
        drop_reason=_drop_reason(reason) if kind is EventType.DROPPED else None,
        reason=reason[:REASON_CHARS],
        url=_text(item, "url")[:_URL_CHARS],
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
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


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
    # Lone surrogates and NUL cannot be stored.
    return value.encode("utf-8", "replace").decode().replace("\0", "") if isinstance(value, str) else ""


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
