"""Plain text from the same cut tree: prose wrapped at 78 columns, links as numbered notes, addresses never broken.

Nothing is escaped here. Blocks print their views, so plain text says what HTML shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from worker.domain.edition import MergeName, Place
from worker.render.blocks import (
    Block,
    Break,
    Code,
    CodeBlock,
    Container,
    Figure,
    Heading,
    Inline,
    Link,
    Listing,
    Merge,
    Paragraph,
    Picture,
    Pieces,
    Quote,
    Rule,
    Styled,
    Table,
    Text,
    Tree,
)
from worker.render.placeholders import MergeTags
from worker.render.registry import KINDS
from worker.render.scene import Scene

WIDTH = 78  # RFC 5322 advises no more

_MARKS = {"em": "_", "strong": "*", "s": "~"}


def plain_text(tree: Tree, scene: Scene, tags: MergeTags) -> str:
    """The whole plain text of a cut tree: title, letter, notes, footer; ends with a line break."""
    return _Writer(scene, tags).letter(tree)


def wrap(text: str, first: str = "", later: str = "", width: int = WIDTH) -> str:
    """Text broken at blanks into lines of at most `width` characters, prefixes included; longer words stay whole.

    A non-breaking space does not break.
    """
    lines = []
    prefix = first
    for paragraph in text.split("\n"):
        room = width - max(len(first), len(later))
        pattern = _PATTERNS.get(room) or _PATTERNS.setdefault(room, _pattern(room))
        for line in pattern.findall(paragraph.strip(" ")) or [""]:
            lines.append((prefix + line).rstrip(" "))
            prefix = later
    return "\n".join(lines)


def _pattern(room: int) -> re.Pattern[str]:
    return re.compile(rf"([^ \n]{{{room + 1},}}|[^\n]{{1,{room}}})(?: +|$)")


_PATTERNS: dict[int, re.Pattern[str]] = {}


class _Writer:
    def __init__(self, scene: Scene, tags: MergeTags) -> None:
        self._scene = scene
        self._tags = tags
        self._notes: dict[str, int] = {}
        self._width = WIDTH  # less inside lists and quotes

    def letter(self, tree: Tree) -> str:
        text, publication = self._scene.text, self._scene.publication
        day = self._scene.date
        head = [publication.name, f"{publication.author} · {day.day} {day:%B %Y}", _underlined(text.title, "=")]
        parts = ["\n".join(head[:2]), head[2], *self.blocks(tree.blocks)]
        if self._notes:
            notes = (wrap(url, f"[{number}] ", "    ") for url, number in self._notes.items())
            parts.append(_underlined("Links", "-") + "\n" + "\n".join(notes))
        return "\n\n".join([*parts, self._footer()]) + "\n"

    def blocks(self, blocks: Iterable[Block]) -> list[str]:
        """One string for each block that prints anything."""
        return [printed for block in blocks if (printed := self._block(block))]

    def _narrower(self, blocks: Iterable[Block], by: int) -> list[str]:
        self._width -= by
        printed = self.blocks(blocks)
        self._width += by
        return printed

    def _block(self, block: Block) -> str:
        match block:
            case Paragraph(_, children):
                return wrap(self._inline(children), width=self._width)
            case Heading(_, level, children):
                return _underlined(self._inline(children), "-" if level == 2 else "·")
            case Listing():
                return self._listing(block)
            case Quote(_, blocks):
                return _prefixed("\n\n".join(self._narrower(blocks, 2)), "> ")
            case CodeBlock(_, text):
                return _prefixed(text, "    ")
            case Rule():
                return "* * *"
            case Table():
                return self._table(block)
            case Figure():
                return self._figure(block)
            case Container():
                return self._container(block)

    def _container(self, block: Container) -> str:
        look = KINDS[block.name].view
        view = look(block, self._scene) if look else None
        if view is None:
            return ""
        parts = [_underlined(view.label, "-")] if view.label else []
        parts += [wrap(view.note)] if view.note else []
        parts += self.blocks(block.blocks) if view.says_body else []
        if view.items:
            bullet = "• " if len(view.items) > 1 else ""
            parts.append("\n".join(wrap(item, bullet, " " * len(bullet)) for item in view.items))
        parts += [f"Code: {view.code}"] if view.code else []
        if view.links:
            parts.append("\n".join(f"{self._fill(link.label)}: {self._address(link.target)}" for link in view.links))
        return "\n\n".join(parts)

    def _listing(self, block: Listing) -> str:
        items = []
        for number, item in enumerate(block.items, start=block.start or 0):
            mark = "• " if block.start is None else f"{number}. "
            gap = "\n" if block.tight else "\n\n"
            body = gap.join(self._narrower(item, len(mark)))
            items.append(_hung(body, mark))
        return ("\n" if block.tight else "\n\n").join(items)

    def _table(self, block: Table) -> str:
        return "\n".join(" | ".join(self._inline(cell) for cell in row) for row in (block.head, *block.rows))

    def _figure(self, figure: Figure) -> str:
        alt = self._fill(figure.picture.alt)
        words = self._inline(figure.caption)
        shown = " ".join(part for part in (f"[Image: {alt}]" if alt else "", words) if part)
        if figure.link:
            shown = f"{shown} {self._note(self._address(figure.link))}"
        return wrap(shown, width=self._width)

    def _inline(self, nodes: Sequence[Inline]) -> str:
        return "".join([self._node(node) for node in nodes])

    def _node(self, node: Inline) -> str:
        match node:
            case Text(text) | Code(text):
                return text
            case Styled(tag, children):
                mark = _MARKS.get(tag, "")
                return f"{mark}{self._inline(children)}{mark}"
            case Link(target, children):
                words, address = self._inline(children), self._address(target)
                if words == address or address == f"mailto:{words}":
                    return words
                return f"{words} {self._note(address)}"
            case Merge():
                return self._tags.placeholder(node, Place.TEXT)
            case Break():
                return "\n"
            case Picture(_, alt):
                return self._fill(alt)

    def _note(self, address: str) -> str:
        return f"[{self._notes.setdefault(address, len(self._notes) + 1)}]"

    def _fill(self, pieces: Pieces) -> str:
        return self._tags.fill(pieces, Place.TEXT)

    def _address(self, target: Pieces) -> str:
        return self._tags.address(target, Place.TEXT)

    def _footer(self) -> str:
        publication = self._scene.publication
        lines = [
            "—",
            f"{publication.name} · {publication.home}",
            *publication.postal_address.splitlines(),
            f"What you receive: {self._merge(MergeName.MANAGE_LINK)}",
            f"Unsubscribe: {self._merge(MergeName.UNSUBSCRIBE_LINK)}",
        ]
        return "\n".join(lines)

    def _merge(self, name: MergeName) -> str:
        return self._tags.placeholder(Merge(name), Place.TEXT)


def _underlined(text: str, line: str) -> str:
    wrapped = wrap(text)
    return f"{wrapped}\n{line * min(WIDTH, max(map(len, wrapped.splitlines() or [''])))}"


def _prefixed(text: str, prefix: str) -> str:
    return "\n".join((prefix + line).rstrip() for line in text.split("\n"))


def _hung(text: str, mark: str) -> str:
    indent = " " * len(mark)
    return "\n".join((indent + line).rstrip() if at else mark + line for at, line in enumerate(text.split("\n")))
