"""A mail as it looks in light or in dark, whatever the browser's own scheme is; for looking at, never for sending."""

from __future__ import annotations

import re
from enum import StrEnum


class Scheme(StrEnum):
    """What a reader's screen is set to."""

    LIGHT = "light"
    DARK = "dark"


_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)")
_BOTH = re.compile(
    r"(color-scheme:|supported-color-schemes:|<meta\s+name=\"(?:supported-)?color-schemes?\"\s+content=\")light dark"
)


def forced(html: str, scheme: Scheme) -> str:
    """The HTML with its media queries for colour answered, and with that one scheme declared."""

    def answered(query: re.Match[str]) -> str:
        return "(min-width:0px)" if query[1] == scheme else "(max-width:0px)"

    return _BOTH.sub(rf"\g<1>{scheme}", _QUERY.sub(answered, html))
