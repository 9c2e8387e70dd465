"""Addresses on a line of their own: at the margin of the letter they become cards, elsewhere plain links.

Nothing is asked of the network. A poster is shown for videos whose still has an address that follows from the id:
YouTube keeps one for every video under a fixed name; Vimeo gives its stills names that only its API knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from worker.domain.web_address import taken_apart
from worker.render.blocks import Block, Inline, Link, LinkCard, Paragraph, Styled, Text
from worker.render.targets import encoded, target_of

#: Pixels of YouTube's `hqdefault.jpg`, the largest still that every video has.
POSTER_SIZE = (480, 360)

_ADDRESS = re.compile(r"https?://[^\s<>\\{}]+")
_VIDEO = frozenset({"YouTube", "Vimeo"})
_YOUTUBE = re.compile(
    r"https?://(?:(?:www\.|m\.|music\.)?youtube(?:-nocookie)?\.com/"
    r"(?:watch\?(?:[^#]*&)?v=|shorts/|live/|embed/)|youtu\.be/)([\w-]{11})(?![\w-])"
)
_VIMEO = re.compile(r"https?://(?:www\.|player\.)?vimeo\.com/(?:[\w/]+/)?\d+(?![\w-])")


def bare_addresses(source: str, nodes: Sequence[Inline]) -> list[str]:
    """The addresses of a paragraph in which every line is one, exactly as written; else nothing."""
    if not source.startswith("http") or any(not isinstance(node, Text | Styled) for node in nodes):
        return []
    lines = [line.strip() for line in source.split("\n")]
    return lines if all(_ADDRESS.fullmatch(line) for line in lines) else []


def cards_of(addresses: Sequence[str], file: str, line: int, *, at_margin: bool) -> list[Block]:
    """A card for each address, or one paragraph of links where a card has no place. RenderError as for any link."""
    links = [
        Link(target_of(encoded(address), file, line + row), (Text(address),)) for row, address in enumerate(addresses)
    ]
    if at_margin:
        return [
            card_of(address, link, line + row) for row, (address, link) in enumerate(zip(addresses, links, strict=True))
        ]
    words: list[Inline] = []
    for link in links:
        words += [Text(" "), link] if words else [link]
    return [Paragraph(line, tuple(words), "ltr")]


def label_of(card: LinkCard) -> str:
    """What a card's link says."""
    return f"{'Watch' if card.site in _VIDEO else 'Read'} on {card.site}"


def card_of(address: str, link: Link, line: int) -> LinkCard:
    """The card of one address."""
    if video := _YOUTUBE.match(address):
        return LinkCard(line, link, "YouTube", f"https://i.ytimg.com/vi/{video[1]}/hqdefault.jpg")
    if _VIMEO.match(address):
        return LinkCard(line, link, "Vimeo")
    host = (taken_apart(address).hostname or address).removeprefix("www.")
    return LinkCard(line, link, host)
