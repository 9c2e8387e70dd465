"""What both editions of a text have in common is made once: kept while the two are rendered, and no longer.

Nothing is kept by a name or a place, only by the very thing it was made of: a block of the tree, the values given to a
template, a section's MJML. So an edition is given what is made of its own cut tree, whoever asked first; tests hold the
two against each rendered alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from worker.render.blocks import Block


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


@dataclass(slots=True)
class GuardedSection:
    """A section after the guard: its parts, and pairs of an index into them and an author's line."""

    parts: list[str]
    marks: list[tuple[int, int]]


@dataclass(slots=True)
class Shared:
    """One for each text that is rendered for both plans."""

    html: OfBlocks = field(default_factory=OfBlocks)
    text: OfBlocks = field(default_factory=OfBlocks)
    drawn: dict[Hashable, str] = field(default_factory=dict)  # blocks by their template and what it was given
    guarded: dict[str, GuardedSection] = field(default_factory=dict)  # by their MJML
