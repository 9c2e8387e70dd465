"""Web addresses taken apart, whoever wrote them.

Python's urlsplit raises ValueError for some, `https://example.com[` among them, and a port that is none only raises where
it is looked at. Both are here what they are elsewhere: no address.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

NOWHERE = urlsplit("")


def taken_apart(address: str) -> SplitResult:
    """Its parts, of which `hostname` and `port` can be asked for; all are empty where it is no address."""
    try:
        parts = urlsplit(address)
        _ = (parts.hostname, parts.port)
    except ValueError:
        return NOWHERE
    return parts
