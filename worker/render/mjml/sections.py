"""A mail in sections: each is drawn once, however many editions of one text it stands in.

MRML draws a section by itself: of the rest of a mail only <mj-head> and the attributes of <mj-body> change how it looks.
So the second edition has MRML draw what the first did not hold, and the others are set between. What a section changes
elsewhere is which rules the head's style sheets hold: an edition that needs others than the first did is drawn whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from worker.render.mjml.slim import joined
from worker.render.shared import Section, Sections, Shared

#: Draws MJML in parts; the HTML in as many, or in one where it cannot be parted.
Draw = Callable[[Sequence[str]], list[bytes]]

_HEAD = re.compile(r".*<mj-body[^>]*>", re.DOTALL)
_COLUMN = re.compile(rb"mj-column-[\w-]+")  # a class with a media query of its own
_IMAGE = "<mj-image"  # has one in the head, which no class in the body tells of


def in_sections(mjml: Sequence[str], draw: Draw, shared: Shared) -> bytes:
    """The HTML of a mail: what stands before its sections, each section, and what stands after them."""
    above = _HEAD.match(mjml[0])
    if above is None or len(mjml) < 3:
        return b"".join(draw(mjml))
    known = shared.sections.setdefault(above[0], Sections())
    first, *middle, last = mjml
    new = [part for part in dict.fromkeys(middle) if part not in known.made]
    html = draw([first, *new, last])
    if len(html) != len(new) + 2:
        return b"".join(draw(mjml))
    known.made.update((part, Section(made, _rules(part, made))) for part, made in zip(new, html[1:-1], strict=True))
    sections = [known.made[part] for part in middle]
    head, body, top = html[0].partition(b"<body")
    rules = _all([_rules(first[above.end() :], top), *(one.rules for one in sections), _rules(last, html[-1])])
    if not known.head:
        known.head, known.rules = head, rules
    if rules != known.rules:
        return in_sections(mjml, draw, Shared())
    return joined([known.head + body + top, *(one.html for one in sections), html[-1]])


def _rules(mjml: str, html: bytes) -> frozenset[bytes]:
    return frozenset(_COLUMN.findall(html)) | ({b"image"} if _IMAGE in mjml else frozenset())


def _all(rules: Iterable[frozenset[bytes]]) -> frozenset[bytes]:
    return frozenset().union(*rules)
