"""Click tracking as SendGrid does it: links in HTML lead through the mailroom, which sends the reader on.

Rewritten are `href`s of <a> with http or https, unless the tag says clicktracking="off"; in plain text, addresses, and
only where the request asks for that too (`enable_text`). The target travels in the address itself. Pure.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from html import escape, unescape
from typing import Any

CLICK_PATH = "/ls/click"

_ANCHOR = re.compile(r"<a(?=\s)(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HREF = re.compile(r"(\shref\s*=\s*)(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_OFF = re.compile(r"\sclicktracking\s*=\s*[\"']?off[\"'\s>/]", re.IGNORECASE)
_TRACKED = re.compile(r"https?://", re.IGNORECASE)
_IN_TEXT = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)


def track(request: Mapping[str, Any], html: str, text: str, base_url: str) -> tuple[str, str]:
    """HTML and text of one message as they leave SendGrid, by the request's own click_tracking (off where it is silent)."""
    asked = (request.get("tracking_settings") or {}).get("click_tracking") or {}
    if asked.get("enable") is not True or not base_url:
        return html, text
    html = _ANCHOR.sub(lambda found: _tracked(found[0], base_url), html)
    if asked.get("enable_text") is True:
        text = _IN_TEXT.sub(lambda found: _redirect(found[0], base_url), text)
    return html, text


def target(token: str) -> str | None:
    """Where a redirect leads, exactly as the link said it; None for a token that is not ours."""
    try:
        found = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4)).decode()
    except (ValueError, binascii.Error):
        return None
    return found if _TRACKED.match(found) and found.isprintable() else None


def _tracked(anchor: str, base_url: str) -> str:
    href = _HREF.search(anchor)
    if href is None or _OFF.search(anchor):
        return anchor
    address = unescape(next(part for part in href.groups()[1:] if part is not None)).strip()
    if not _TRACKED.match(address):
        return anchor
    return f'{anchor[: href.start()]}{href[1]}"{escape(_redirect(address, base_url))}"{anchor[href.end() :]}'


def _redirect(address: str, base_url: str) -> str:
    token = base64.urlsafe_b64encode(address.encode("utf-8", "replace")).rstrip(b"=").decode()
    return f"{base_url}{CLICK_PATH}?upn={token}"
