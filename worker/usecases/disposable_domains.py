"""Disposable domains: addresses of which nobody expects to be read next week. They are subscribed, and count for nobody.

The list is that of the package disposable-email-domains (MIT, new versions several times a month); an author's own are in
`[referral]` of publication.toml.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from disposable_email_domains import blocklist


def is_disposable(address_key: str, own: Collection[str] = frozenset()) -> bool:
    """Whether the domain of an address key, or one it is below, is on the list or among the author's `own`."""
    labels = address_key.rpartition("@")[2].split(".")
    names = (".".join(labels[at:]) for at in range(len(labels)))
    return any(name in own or name in _listed() for name in names)


@cache
def _listed() -> frozenset[str]:
    return frozenset(blocklist)
