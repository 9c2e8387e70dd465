"""Where links lead: addresses exactly as authors write them, with merge tags inside, and the schemes mail may use.

Every ASCII character of an address stays what it is, escapes such as %7E included. What no address may hold is encoded
in one way: blanks and other characters as the percent-encoded bytes of UTF-8, labels of a host beyond ASCII as Punycode.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

from worker.errors import RenderError
from worker.render.blocks import Merge, Pieces
from worker.render.links import LINK_PATHS
from worker.render.placeholders import MARK, marked, split

_TAG = re.compile(r"(\{[a-z][a-z_]*(?:\|[^{}]*)?\})")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_SAFE_SCHEMES = {"http", "https", "mailto", "tel"}
_FOREIGN = re.compile(r"[^!-~]+")
_HOST = re.compile(r"(https?://(?:[^/?#@]*@)?)([^/?#:@]*)", re.IGNORECASE)
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_READERS_OWN = re.compile(rf"https?://[^/?#{MARK}]+[/?#]|mailto:[^?{MARK}]+\?", re.IGNORECASE)


def encoded(url: str) -> str:
    """The address as ASCII; one that is ASCII without blanks comes back unchanged. Merge tags are left alone."""
    if not _FOREIGN.search(url):
        return url
    url = _HOST.sub(lambda found: found[1] + _host(found[2]), url, count=1)
    return "".join(
        part if at % 2 else _FOREIGN.sub(lambda odd: quote(odd[0], errors="replace"), part)
        for at, part in enumerate(_TAG.split(url))
    )


def target_of(address: str, file: str, line: int | None) -> Pieces:
    """An encoded address cut at its merge tags. RenderError for a scheme that runs code or opens files, and where a
    reader's own words would decide which scheme or host it is."""
    refuse_scheme(address, file, line)
    target = split(address, file, line, "write %7B and %7D for braces in an address")
    for at, piece in enumerate(target):
        if isinstance(piece, Merge) and piece.name not in LINK_PATHS and not _READERS_OWN.match(marked(target[:at])):
            raise RenderError(
                f"{{{piece.name}}} decides where this link leads",
                file=file,
                line=line,
                fix="begin with https:// and a host, and put the merge tag after them",
                rule="link-scheme",
            )
    return target


def refuse_scheme(address: str, file: str, line: int | None) -> None:
    """RenderError for an address with any scheme but http, https, mailto and tel, however it is disguised."""
    scheme = _SCHEME.match(re.sub(r"[\s\x00-\x1f]", "", unquote(address)))
    if scheme and scheme[1].lower() not in _SAFE_SCHEMES:
        raise RenderError(
            f"a link may not begin with {scheme[1]}:",
            file=file,
            line=line,
            fix="use https:, mailto: or tel:",
            rule="link-scheme",
        )


def _host(host: str) -> str:
    """Punycode, label by label (RFC 3492). Python's own `idna` codec follows the rules of 2003: it makes ss of ß."""
    if host.isascii() or MARK in host or "{" in host:
        return host
    labels = _DOTS.split(unicodedata.normalize("NFC", host.lower()))
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels)
