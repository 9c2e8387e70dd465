"""Keeps a reader's own links out of SendGrid's click counter, whatever template or component wrote them.

A counted unsubscribe or referral link leads through another host, where it can break and where others learn of it. MRML
offers no such attribute on a button, so the finished HTML is looked through. Changes nothing but that attribute.
"""

from __future__ import annotations

import re
from html import unescape

from worker.render.campaign import is_readers_own
from worker.render.placeholders import PLACEHOLDER

_ANCHOR = re.compile(rb"<a(?=\s)(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+>")
_HREF = re.compile(rb"\shref=\"([^\"]*)\"")
_COUNTED = re.compile(rb"\sclicktracking=")  # after a blank or, in a folded line, a line break
_OFF = b'clicktracking="off"'


def untracked(html: bytes, base_url: str) -> bytes:
    """The HTML with `clicktracking="off"` on every link that holds a merge value or leads to a reader's own page."""
    return _ANCHOR.sub(lambda found: _marked(found[0], base_url), html)


def _marked(anchor: bytes, base_url: str) -> bytes:
    href = _HREF.search(anchor)
    if href is None or _COUNTED.search(anchor):
        return anchor
    address = href[1].decode()
    if not PLACEHOLDER.search(address) and not is_readers_own(unescape(address), base_url):
        return anchor
    return b"<a " + _OFF + anchor[2:]
