"""Addresses and their canonical keys: who is who, and nothing else.

`address_key` decides identity. `referral_key` also drops what a provider ignores, and decides only whether
two sign-ups are the same person for a reward; it never decides who gets mail.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Providers that ignore dots in the local part; from Gmail's help page on dots in addresses.
_DOTLESS = {"gmail.com", "googlemail.com"}


def address_key(address: str) -> str:
    """Trimmed, NFC, lower case, domain in IDNA's ASCII form. The address must hold exactly one usable `@`."""
    local, _, domain = unicodedata.normalize("NFC", address.strip()).rstrip(".").rpartition("@")
    if not local or not domain:
        raise ValueError("an address needs a local part and a domain")
    return f"{unicodedata.normalize('NFC', local.lower())}@{_ascii_domain(domain)}"


def referral_key(address: str) -> str:
    """The key without `+tag` and, where the provider ignores them, without dots."""
    return referral_key_of(address_key(address))


def referral_key_of(key: str) -> str:
    """The referral key of an address key."""
    local, _, domain = key.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _DOTLESS:
        local, domain = local.replace(".", "") or local, "gmail.com"
    return f"{local}@{domain}"


@lru_cache(maxsize=4096)  # a list has few domains, and imports are long
def _ascii_domain(domain: str) -> str:
    try:
        return domain.lower().encode("idna").decode("ascii")
    except UnicodeError as broken:
        raise ValueError(f"the domain cannot be written in ASCII: {broken}") from None
