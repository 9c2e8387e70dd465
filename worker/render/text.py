"""Plain text from the same cut tree: prose wrapped at 78 columns, links as numbered notes, addresses never broken.

Nothing is escaped here, and the order is the one of the HTML. Blocks print their views, so plain text says what HTML
shows. Code alone keeps its lines, however long they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from worker.domain.edition import MergeName, Place
from worker.domain.subscriber import Plan
from worker.render.blocks import (
    Block,
    Break,
    Code,
    CodeBlock,
    Container,
    Figure,
    Footnote,
    Heading,
    Inline,
    Link,
    LinkCard,
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
from worker.render.columns import WIDTH, width, wrap
from worker.render.linkcards import label_of
from worker.render.outline import Outline
from worker.render.placeholders import MergeTags
from worker.render.registry import view_of
from worker.render.scene import Scene
from worker.render.shared import Shared
from worker.render.tables import as_columns, as_records
from worker.render.tasks import MARKS
from worker.render.views import View

__all__ = ["WIDTH", "plain_text", "wrap"]

_MARKS = {"em": "_", "strong": "*", "s": "~"}


def plain_text(tree: Tree, scene: Scene, tags: MergeTags, message: str = "issue", shared: Shared | None = None) -> str:
    """The whole plain text of a cut tree: masthead, letter, notes, footer; ends with a line break.

    `message` says whose masthead, as its template in emails/messages/ does; `shared` holds blocks that another edition
    of the same text has printed already.
    """
    return _Writer(scene, tags, shared or Shared()).letter(tree, message)


class _Writer:
    def __init__(self, scene: Scene, tags: MergeTags, shared: Shared) -> None:
        self._scene = scene
        self._tags = tags
        self._shared, self._views = shared.text, shared.views
        self._counted = 0  # what depends on more than itself: headings, notes, numbered links, views
        self._links: dict[str, int] = {}
        self._notes: dict[int, Footnote] = {}
        self._outline = Outline()
        self._message = "issue"
        self._width = WIDTH  # less inside lists and quotes

    def letter(self, tree: Tree, message: str) -> str:
        self._message = message
        parts = [*self._masthead(message), *self.blocks(tree.blocks)]
        if self._notes:
            parts.append(self._underlined("Notes", "-"))
            parts += [self._note(number, note) for number, note in enumerate(self._notes.values(), start=1)]
        if self._links:
            addresses = (wrap(url, f"[{number}] ", "    ") for url, number in self._links.items())
            parts.append(self._underlined("Links", "-") + "\n" + "\n".join(addresses))
        return "\n\n".join([*parts, self._footer()]) + "\n"

    def _masthead(self, message: str) -> list[str]:
        text, publication, day = self._scene.text, self._scene.publication, self._scene.date
        title = self._underlined(text.title, "=")
        if message in ("notice", "confirmation"):
            return [title]
        if message in ("step", "welcome"):
            return [publication.name, title]
        line = f"{day.day} {day:%B %Y} · {publication.author}"
        line += " · for paying readers" if self._scene.plan is Plan.PAID else ""
        return ["\n".join(wrap(part) for part in (publication.name, publication.description, line) if part), title]

    def blocks(self, blocks: Iterable[Block]) -> list[str]:
        """One string for each block that prints anything."""
        return [printed for block in blocks if (printed := self._once(block))]

    def _once(self, block: Block) -> str:
        """A block, printed anew only where it holds a merge tag, a numbered link, a note or, inside it, a heading."""
        if isinstance(block, Container):
            return self._container(block)
        how = (self._width, self._level(block))
        if (printed := self._shared.get(block, how)) is not None:
            return printed
        before = (self._tags.asked, self._counted)
        printed = self._block(block, how[1])
        if (self._tags.asked, self._counted) == before:
            self._shared.keep(block, how, printed)
        return printed

    def _level(self, block: Block) -> int:
        """The level of a heading, which depends on what stands before it; 0 for anything else."""
        if not isinstance(block, Heading):
            return 0
        self._counted += 1
        return self._outline.heading(block.level)

    def _narrower(self, blocks: Iterable[Block], by: int) -> list[str]:
        self._width -= by
        printed = self.blocks(blocks)
        self._width += by
        return printed

    def _block(self, block: Block, level: int) -> str:
        match block:
            case Paragraph(_, children):
                return wrap(self._inline(children), width=self._width)
            case Heading(_, _, children):
                return self._underlined(self._inline(children), "-" if level == 2 else "·")
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
            case LinkCard():
                return wrap(f"{label_of(block)}: {self._address(block.link.target)}")
            case Container():
                return self._container(block)

    def _container(self, block: Container) -> str:
        view = view_of(block, self._scene, self._views)
        self._counted += 1
        if view is None:
            return ""
        if view.label:
            self._outline.label()
        how = (self._width, view)
        if (printed := self._shared.get(block, how)) is not None:
            return printed
        before = (self._tags.asked, self._counted)
        printed = self._shown(view, block)
        if (self._tags.asked, self._counted) == before:
            self._shared.keep(block, how, printed)
        return printed

    def _shown(self, view: View, block: Container) -> str:
        parts = [part for name in view.order for part in self._part(name, view, block)]
        if view.order[:2] == ("note", "label") and view.note and view.label:
            parts[:2] = ["\n".join(parts[:2])]  # a small line above its title
        return "\n\n".join(parts)

    def _part(self, name: str, view: View, block: Container) -> list[str]:
        """What one field of a view prints; nothing where it is empty."""
        match name:
            case "label" if view.label:
                return [self._underlined(view.label, "-")]
            case "note" if view.note:
                return [wrap(view.note)]
            case "body" if view.says_body:
                return self.blocks(block.blocks)
            case "items" if view.items:
                bullet = "• " if len(view.items) > 1 else ""
                return ["\n".join(wrap(item, bullet, " " * len(bullet)) for item in view.items)]
            case "lines" if view.lines:
                return ["\n".join(wrap(self._fill(line)) for line in view.lines)]
            case "code" if view.code:
                return [f"Code: {view.code}"]
            case "links" if view.links:
                lines = (f"{self._fill(link.label)}: {self._address(link.target)}" for link in view.links)
                return ["\n".join(wrap(line) for line in lines)]
        return []

    def _listing(self, block: Listing) -> str:
        items = []
        for at, item in enumerate(block.items):
            mark = "• " if block.start is None else f"{block.start + at}. "
            if block.tasks and (done := block.tasks[at]) is not None:
                mark = f"{MARKS[done]} " if block.start is None else f"{mark}{MARKS[done]} "
            gap = "\n" if block.tight else "\n\n"
            body = gap.join(self._narrower(item, len(mark)))
            items.append(_hung(body, mark))
        return ("\n" if block.tight else "\n\n").join(items)

    def _table(self, block: Table) -> str:
        head, *rows = [[self._inline(cell) for cell in row] for row in (block.head, *block.rows)]
        return as_columns(head, rows, block.aligns, self._width) or as_records(head, rows, self._width)

    def _figure(self, figure: Figure) -> str:
        alt = self._fill(figure.picture.alt)
        shown = [f"[Image: {alt}]"] if alt else []
        if figure.link:
            shown.append(self._numbered(self._address(figure.link)))
        words = self._inline(figure.caption)
        return "\n".join(wrap(part, width=self._width) for part in (" ".join(shown), words) if part)

    def _inline(self, nodes: Sequence[Inline]) -> str:
        return "".join([self._node(node) for node in nodes])

    def _node(self, node: Inline) -> str:
        if isinstance(node, Text):  # most are; a pattern costs twice as much
            return node.text
        match node:
            case Code(text):
                return text
            case Styled(tag, children):
                mark = _MARKS.get(tag, "")
                return f"{mark}{self._inline(children)}{mark}"
            case Link(target, children):
                words, address = self._inline(children), self._address(target)
                if not words.strip() or words == address or address == f"mailto:{words}":
                    return words.strip() or address
                return f"{words} {self._numbered(address)}"
            case Merge():
                return self._tags.placeholder(node, Place.TEXT)
            case Break():
                return "\n"
            case Footnote(key):
                self._counted += 1
                self._notes.setdefault(key, node)
                return f"\u00a0(note\u00a0{list(self._notes).index(key) + 1})"
            case Picture(_, alt):
                return self._fill(alt)

    def _note(self, number: int, note: Footnote) -> str:
        mark = f"{number}. "
        return _hung("\n\n".join(self._narrower(note.blocks, len(mark))), mark)

    def _numbered(self, address: str) -> str:
        self._counted += 1
        return f"[{self._links.setdefault(address, len(self._links) + 1)}]"

    def _fill(self, pieces: Pieces) -> str:
        return self._tags.fill(pieces, Place.TEXT)

    def _address(self, target: Pieces) -> str:
        return self._tags.address(target, Place.TEXT)

    def _underlined(self, text: str, line: str) -> str:
        wrapped = wrap(text, width=self._width)
        return f"{wrapped}\n{line * min(max(1, self._width), max(map(width, wrapped.split(chr(10)))))}"

    def _footer(self) -> str:
        publication = self._scene.publication
        lines = [
            "—",
            f"{publication.name} · {publication.home}",
            *publication.postal_address.splitlines(),
        ]
        if self._message == "confirmation":  # nobody receives anything yet
            lines.append(f"Never ask this address again: {self._merge(MergeName.UNSUBSCRIBE_LINK)}")
        else:
            lines.append(f"What you receive: {self._merge(MergeName.MANAGE_LINK)}")
            lines.append(f"Unsubscribe: {self._merge(MergeName.UNSUBSCRIBE_LINK)}")
        return "\n".join(wrap(line) for line in lines)

    def _merge(self, name: MergeName) -> str:
        return self._tags.placeholder(Merge(name), Place.TEXT)


def _prefixed(text: str, prefix: str) -> str:
    return "\n".join((prefix + line).rstrip() for line in text.split("\n"))


def _hung(text: str, mark: str) -> str:
    indent = " " * len(mark)
    return "\n".join((indent + line if at else mark + line).rstrip() for at, line in enumerate(text.split("\n")))
