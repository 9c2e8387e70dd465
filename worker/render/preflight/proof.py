"""What rules look at: a text with everything that was made from it, and where in the author's file it says something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from worker.domain.edition import Edition
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.render.blocks import CodeBlock, Container, Figure, Link, Listing, Quote, Tree
from worker.render.inlines import wording
from worker.render.placeholders import MARK, WRITTEN, marked
from worker.render.preflight.finished import Finished
from worker.render.scene import Facts
from worker.render.targets import encoded
from worker.render.walk import blocks_in, nodes_in, words_of

_FURTHEST = 200  # lines of one block that are searched for a word in it


class Destination(NamedTuple):
    """A link of the author's: its address with merge tags as MARK, its words (None: a label is always there)."""

    line: int
    address: str
    words: str | None


@dataclass(frozen=True)
class Proof:
    """`tree` is uncut; `cut`, `editions` and `finished` hold one for each plan. `message` is the layout's name."""

    text: Issue
    publication: Publication
    facts: Facts
    message: str
    tree: Tree
    cut: Mapping[Plan, Tree]
    editions: Mapping[Plan, Edition]
    finished: Mapping[Plan, Finished]

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans whose edition somebody may receive."""
        only = {plan.value: plan for plan in Plan}.get(self.text.audience)
        return (only,) if only else tuple(Plan)

    @property
    def mails(self) -> Iterator[tuple[Plan, Finished]]:
        """The finished mail of each plan that is sent; one alone where both say the same."""
        seen: set[str] = set()
        for plan in self.plans:
            mail = self.finished[plan]
            if mail.html not in seen:
                seen.add(mail.html)
                yield plan, mail

    def line(self, start: int, *words: str) -> int:
        """The line, from `start` on, that holds one of the words; `start` where none does."""
        rows = self.text.body.split("\n")
        first = max(0, start - self.text.body_line)
        for number, row in enumerate(rows[first : first + _FURTHEST], start=first):
            if any(word and word in row for word in words):
                return self.text.body_line + number
        return start

    def passages(self) -> Iterator[tuple[int, str]]:
        """What each paragraph, heading, cell or caption says, with the line of its block; code is left out."""
        for block in blocks_in(self.tree.blocks):
            if isinstance(block, Container):
                if block.args:
                    yield block.line, block.args
            elif not isinstance(block, CodeBlock | Quote | Listing):
                for words in words_of([block]):
                    yield block.line, words

    def destinations(self) -> Iterator[Destination]:
        """Every link of the text: in words, on pictures, in buttons and cards."""
        for line, node in nodes_in(self.tree.blocks):
            if isinstance(node, Link):
                address = marked(node.target)
                yield Destination(self.line(line, address), address, wording(node.children).strip())
        for block in blocks_in(self.tree.blocks):
            if isinstance(block, Figure) and block.link:
                yield Destination(block.line, marked(block.link), None)
            elif isinstance(block, Container) and block.name in ("button", "card") and block.args:
                yield Destination(block.line, WRITTEN.sub(MARK, encoded(block.args.partition(" ")[0])), None)

    def figures(self) -> Iterator[Figure]:
        """Every picture of the text."""
        yield from (block for block in blocks_in(self.tree.blocks) if isinstance(block, Figure))
