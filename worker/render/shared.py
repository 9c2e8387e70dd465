"""What both editions of a text have in common is made once: kept while the two are rendered, and no longer.

Nothing is kept by a name or a place, only by the very thing it was made of: a block of the tree and its view, a section's
MJML and the head it stands below. So an edition is given what is made of its own cut tree, whoever asked first; tests
hold the two against each rendered alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from worker.domain.subscriber import Plan
from worker.render.blocks import Block, Container
from worker.render.views import View


class OfBlocks:
    """Text made of blocks that depends on nothing else but `how`. Holds the blocks, so that no other takes their place."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, Hashable], tuple[Block, str]] = {}

    def get(self, block: Block, how: Hashable) -> str | None:
        """What was made of this very block in this way; None if nothing was."""
        found = self._made.get((id(block), how))
        return None if found is None else found[1]

    def keep(self, block: Block, how: Hashable, made: str) -> None:
        """Keep it for whoever asks next."""
        self._made[id(block), how] = (block, made)


#: What blocks show, by the block's id and the plan; the block itself is held so that no other takes its place.
Views = dict[tuple[int, Plan], tuple[Container, View | None]]


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a mail: its finished HTML, and which rules of the head's style sheets it needs."""

    html: bytes
    rules: frozenset[bytes]


@dataclass(slots=True)
class Sections:
    """Sections by their MJML, all made below the same MJML head; and the HTML head of a mail that needed `rules`."""

    head: bytes = b""
    rules: frozenset[bytes] = frozenset()
    made: dict[str, Section] = field(default_factory=dict)


@dataclass(slots=True)
class Shared:
    """One for each text that is rendered for both plans."""

    views: Views = field(default_factory=dict)
    html: OfBlocks = field(default_factory=OfBlocks)
    text: OfBlocks = field(default_factory=OfBlocks)
    drawn: OfBlocks = field(default_factory=OfBlocks)
    sections: dict[str, Sections] = field(default_factory=dict)  # by the MJML of the head they were made below
