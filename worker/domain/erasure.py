"""Erased addresses: known again by a keyed hash of their key, and by nothing else.

The hash stands where the address key stood, so that neither an opt-out nor an old mailing is forgotten. Nobody can go
through likely addresses without the secret it is made under.
"""

from __future__ import annotations

import hashlib
import hmac
import re

PREFIX = "erased:"
_HASH_BYTES = 16  # two addresses with one hash are not to be expected before 2^64 are erased


class AddressHash:
    """Makes the hash that stands for an address key. Immutable; its text form shows no secret."""

    def __init__(self, secret: str) -> None:
        if not secret:
            raise ValueError("addresses cannot be hashed under an empty secret")
        # A key of its own, for the same secret also signs links and the login.
        self._key = hmac.digest(secret.encode(), b"broadsheet erased 1", "sha256")

    def of(self, address_key: str) -> str:
        """`erased:<32 hex digits>`, always the same for an address key; a hash is its own."""
        if is_hash(address_key):
            return address_key
        digest = hashlib.blake2b(address_key.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_HASH_BYTES)
        return PREFIX + digest.hexdigest()

    def person(self, referral_key: str) -> str:
        """The hash by which a person is known again for referrals, whatever becomes of their record: 32 hex digits."""
        digest = hashlib.blake2b(
            referral_key.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_HASH_BYTES, person=b"referral"
        )
        return digest.hexdigest()

    @property
    def check(self) -> str:
        """What tells this secret from another one, without telling the secret."""
        return self.of("which secret is it")


def is_hash(address_key: str) -> bool:
    """Whether this stands for an address key rather than being one."""
    return address_key.startswith(PREFIX) and "@" not in address_key


def names_somebody(text: str, address_key: str) -> bool:
    """Whether a provider's words or a link may tell whose address this is: any address in it, or the part before the `@`."""
    if re.search(r"@|%40|＠", text):
        return True
    local = address_key.rpartition("@")[0].partition("+")[0]
    return len(local) > 2 and local.lower() in text.lower()


def without_address(text: str, address: str) -> str:
    """`text` with that address, in whatever case and also as a link has it, replaced; a longer one that ends so stays."""
    forms = "|".join(re.escape(one) for one in (address, address.replace("@", "%40")))
    return re.sub(rf"(?<![\w.+%-])(?:{forms})(?![\w-])", "(erased)", text, flags=re.IGNORECASE)


def without(text: str, names: list[str]) -> str:
    """`text` with each of `names`, in whatever case, replaced by `(erased)`."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(re.escape(name), "(erased)", text, flags=re.IGNORECASE)
    return text
