"""Is a call provably SendGrid's? Signature, key and age, over the bytes as they came. Pure.

Anything that cannot be verified, whatever it is made of, ends in the one error.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from worker.errors import SignatureError

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"

#: SendGrid repeats a call for 24 hours, and does not say whether it signs a repeat anew. Replays inside this change
#: nothing, because events are recorded once.
TOLERANCE = timedelta(hours=25)

_URL_SAFE = str.maketrans("-_", "+/")


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
    """The key as SendGrid shows it, however it was pasted: with PEM lines, quotes, blanks, written-out `\\n`,
    in the alphabet for URLs, without its padding.

    Raises SignatureError for anything that is no P-256 public key, an empty setting included.
    """
    text = re.sub(r"-----[A-Z ]+-----", "", public_key.replace("\\n", "\n").replace("\\r", "\n"))
    text = re.sub(r"""[\s"'`\ufeff\u200b\\]""", "", text).translate(_URL_SAFE).rstrip("=")
    try:
        key = load_der_public_key(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except Exception:  # whatever the library makes of a broken key, the answer is the same: nothing verifies
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SignatureError(
            "SENDGRID_WEBHOOK_PUBLIC_KEY is no verification key",
            fix="copy the key from SendGrid's event webhook settings",
        )
    return key
