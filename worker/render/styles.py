"""Inline CSS of prose, by tag, for both reading directions. Values come from emails/theme.toml, [prose] and [gap].

A theme is written for letters read from the left. For the other direction left and right change places here, so that no
theme has to say everything twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_FOUR = re.compile(r"\b((?:padding|margin):)(\S+) (\S+) (\S+) ([^\s;]+)(?=;|$)")
_SIDE = re.compile(r"\b(left|right)\b")


def mirrored(css: str) -> str:
    """The same look from right to left."""
    css = _FOUR.sub(r"\1\2 \5 \4 \3", css)
    return _SIDE.sub(lambda side: "right" if side[1] == "left" else "left", css)


@dataclass(frozen=True, slots=True)
class Styles:
    """CSS without double quotes: for the first element of a column, for later ones, and without a margin.

    `turned` is the same from right to left; its own `turned` is None.
    """

    first: Mapping[str, str]
    later: Mapping[str, str]
    prose: Mapping[str, str]
    turned: Styles | None = field(default=None, repr=False)

    @classmethod
    def of(cls, prose: Mapping[str, str], gaps: Mapping[str, int]) -> Styles:
        """From the theme: CSS by tag, and the space above each in pixels."""
        from_right = {tag: mirrored(css) for tag, css in prose.items()}
        return cls(*_margins(prose, gaps), prose, cls(*_margins(from_right, gaps), from_right))


def _margins(prose: Mapping[str, str], gaps: Mapping[str, int]) -> tuple[dict[str, str], dict[str, str]]:
    first = {tag: f"margin:0;{css}" for tag, css in prose.items()}
    later = {tag: f"margin:{gaps.get(tag, 0)}px 0 0;{css}" for tag, css in prose.items()}
    return first, later
