"""Calls that a shop or a form signs: HMAC-SHA256 over the time stamp, a dot and the body as it was sent.

Whether the same call was taken before is the store's to know. Says nothing of what a body holds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from worker.errors import SignatureError

TOLERANCE = timedelta(minutes=5)  # between their clock and ours, either way; their retries are signed anew
_STAMP = re.compile(r"[0-9]{1,11}")
_SIGNATURE = re.compile(r"(?:sha256=)?([0-9a-f]{64})")


def sign(secret: str, stamp: str, body: bytes) -> str:
    """64 hex digits; `stamp` is whole Unix seconds."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def verify(secrets: Sequence[str], stamp: str | None, signature: str | None, body: bytes, now: datetime) -> str:
    """The signature, without what may stand before it. Raises SignatureError for a call that none of the secrets signed,
    or that is older or newer than TOLERANCE."""
    if stamp is None or signature is None:
        raise SignatureError("a header with the time stamp or the signature is missing")
    if not _STAMP.fullmatch(stamp):
        raise SignatureError("the time stamp is no number of seconds")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise SignatureError("the time stamp is too far from the time here")
    written = _SIGNATURE.fullmatch(signature)
    known = False
    for secret in secrets:  # all of them, always: time must not tell which one signed it
        known |= written is not None and hmac.compare_digest(written[1], sign(secret, stamp, body))
    if written is None or not known:
        raise SignatureError("no secret set here made this signature")
    return written[1]
