"""UTM parameters on links: which links get them, and where in an address they go.

Only http and https links of the domains that were asked for. Never a reader's own link (unsubscribe, preferences,
referral, apply), and never a parameter that the author's address has already. Nothing else of the address changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from worker.render.blocks import Merge, Pieces
from worker.render.links import LINK_PATHS, Purpose

_ABSOLUTE = re.compile(r"https?://(?:[^/?#@\0]*@)?([^/?#:@\0]+)(?=[/?#:]|$)", re.IGNORECASE)


def is_readers_own(address: str, base_url: str) -> bool:
    """Whether an address is one of those that say who the reader is, or whose friend."""
    return address.lower().startswith(_beginnings(base_url))


@lru_cache(maxsize=8)
def _beginnings(base_url: str) -> tuple[str, ...]:
    paths = {*LINK_PATHS.values(), *(f"/{purpose}/" for purpose in Purpose)}
    return tuple(base_url.rstrip("/").lower() + path for path in paths)


@dataclass(frozen=True, slots=True)
class Campaign:
    """`parameters` are names and values, not encoded yet; `domains` are lower-case hosts."""

    parameters: Sequence[tuple[str, str]]
    domains: Sequence[str]
    base_url: str

    def tagged(self, target: Pieces) -> Pieces:
        """The target with the parameters before its fragment, or as it was."""
        if not target or not isinstance(target[0], str) or not self._ours(target):
            return target
        at, cut = _fragment(target)
        piece = target[at]
        before = (*target[:at], piece[:cut]) if isinstance(piece, str) else (*target[: at + 1], "")
        after = (piece[cut:], *target[at + 1 :]) if isinstance(piece, str) else ()
        words = "".join(part if isinstance(part, str) else "\0" for part in before)
        _, asked, query = words.partition("?")
        present = {unquote(pair.partition("=")[0]).lower() for pair in re.split("[&;]", query)}
        added = "&".join(f"{name}={quote(value, safe='')}" for name, value in self.parameters if name not in present)
        if not added:
            return target
        joint = "" if asked and (not query or query.endswith("&")) else "&" if asked else "?"
        return tuple(
            part for part in (*before[:-1], f"{before[-1]}{joint}{added}{after[0] if after else ''}", *after[1:])
        )

    def _ours(self, target: Pieces) -> bool:
        if any(isinstance(part, Merge) and part.name in LINK_PATHS for part in target):
            return False
        start = str(target[0])
        found = _ABSOLUTE.match(start)
        if found is None or is_readers_own(start, self.base_url):
            return False
        host = found[1].lower().rstrip(".")
        return any(host == domain or host.endswith(f".{domain}") for domain in self.domains)


def _fragment(target: Pieces) -> tuple[int, int]:
    """Which piece the fragment begins in, and where in it; the end of the last piece where there is none."""
    for at, part in enumerate(target):
        if isinstance(part, str) and "#" in part:
            return at, part.index("#")
    last = target[-1]
    return len(target) - 1, len(last) if isinstance(last, str) else 0
