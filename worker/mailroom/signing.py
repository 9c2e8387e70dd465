"""The key that signs events and the headers that carry the signature. Posts nothing.

ECDSA on P-256 with SHA-256 over the timestamp's bytes and the raw body, as SendGrid's signed event webhook has it;
the public key is shown as base64 SPKI without PEM lines.
"""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from worker.errors import UsageError

SIGNATURE_HEADER = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER = "X-Twilio-Email-Event-Webhook-Timestamp"


class Signer:
    """A private key: read from a PEM file, or made anew where `path` is None.

    Raises UsageError when the file cannot be read as an unencrypted P-256 key; its content is never part of that.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._key = _read(path) if path else ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> str:
        """What goes into SENDGRID_WEBHOOK_PUBLIC_KEY."""
        spki = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(spki).decode()

    def sign(self, body: bytes, timestamp: int) -> dict[str, str]:
        """The two headers for a body posted at `timestamp` (Unix seconds)."""
        signature = self._key.sign(str(timestamp).encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE_HEADER: base64.b64encode(signature).decode(), TIMESTAMP_HEADER: str(timestamp)}


def _read(path: Path) -> ec.EllipticCurvePrivateKey:
    fix = "make one with: openssl ecparam -name prime256v1 -genkey -noout -out FILE"
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as wrong:
        raise UsageError(f"{path} cannot be read as a private key ({type(wrong).__name__})", fix=fix) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise UsageError(f"{path} holds no key on the curve P-256", fix=fix)
    return key
