"""Markdown in, block tree out: one parse, from which HTML and plain text are both made.

CommonMark with tables, strikethrough, task lists, footnotes, containers and merge tags; raw HTML stays text, remarks
(`<!-- -->`) are left out. What the tree could not hold without harm (unknown containers, links that run code, hostile
nesting) is refused here, with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from worker.errors import RenderError
from worker.render.blocks import (
    Block,
    CodeBlock,
    Container,
    Footnote,
    Heading,
    Inline,
    Listing,
    Paragraph,
    Quote,
    Rule,
    Table,
    Tree,
)
from worker.render.comments import add_comments
from worker.render.containers import Unbalanced, add_containers
from worker.render.direction import direction_of
from worker.render.footnotes import Definition, Footnotes, add_footnotes, taken_out
from worker.render.gate import is_gate
from worker.render.inlines import InlineReader, add_merge_tags, figure_of, holds_picture, wording
from worker.render.linkcards import bare_addresses, cards_of
from worker.render.placeholders import refuse_lookalikes
from worker.render.registry import KINDS, Room
from worker.render.tasks import without_mark

# Block nesting. MRML's process dies at about 10,000 levels and markdown-it drops what is deeper than its own
# limit without a word, so ours is reached first.
_DEEPEST = 16

_BLOCK = re.compile(r"^[ \t]*:{3,}[ \t]*\w", re.MULTILINE)  # a line that opens a block

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def parse_markdown(body: str, file: str, first_line: int = 1) -> Tree:
    """The block tree of a Markdown text whose first line is line `first_line` of `file`. Raises RenderError."""
    body = body.replace("\r\n", "\n").replace("\r", "\n")
    if bad := _UNPRINTABLE.search(body):
        line = first_line + body.count("\n", 0, bad.start())
        raise RenderError(
            f"the character U+{ord(bad[0]):04X} cannot be printed, and mail that holds it is cut short by Gmail",
            file=file,
            line=line,
            fix="delete it, or save the file as UTF-8 if it should be a quotation mark or a dash",
        )
    env: dict[str, Any] = {}
    try:
        tokens, definitions = taken_out(_PARSER.parse(body, env), env)
    except Unbalanced as wrong:
        fix = "close each block with a line `:::`"
        raise RenderError(wrong.problem, file=file, line=first_line + wrong.row, fix=fix) from None
    builder = _Builder(file, first_line, definitions, env)
    blocks = builder.blocks(iter(tokens), depth=0)
    builder.footnotes.refuse_unused()
    paywalls = [block for block in blocks if isinstance(block, Container) and block.name == "paywall"]
    if len(paywalls) > 1:
        raise RenderError(
            "a second paywall", file=file, line=paywalls[1].line, fix="keep the first, or use `::: paid` for a part"
        )
    return Tree(file, blocks)


class _Builder:
    """Turns the token stream into blocks by recursive descent; depth is bounded before it recurses."""

    def __init__(
        self, file: str, first_line: int, definitions: Sequence[tuple[str, Definition]], env: Mapping[str, Any]
    ) -> None:
        self._file = file
        self._first = first_line
        self._inlines = InlineReader(file, self._footnote)
        self._hidden: set[int] = set()  # lines of the paragraphs of tight lists
        self._gates: tuple[int, ...] = ()  # rows of the gates we are in
        self._env = env
        self.footnotes = Footnotes(
            file, first_line, definitions, lambda tokens: self.blocks(tokens, depth=1, inside="a footnote")
        )

    def blocks(self, tokens: Iterator[Token], depth: int, inside: str = "") -> tuple[Block, ...]:
        """Blocks up to the closing token of the block that holds them, which is consumed."""
        found: list[Block] = []
        for token in tokens:
            if token.nesting == -1:
                break
            line = self._line(token)
            if depth > _DEEPEST:
                raise RenderError(
                    f"blocks are nested more than {_DEEPEST} deep",
                    file=self._file,
                    line=line,
                    fix="use fewer `>` or list levels",
                )
            found += self._block(token, tokens, line, depth, inside)
        return tuple(found)

    def _block(self, token: Token, tokens: Iterator[Token], line: int, depth: int, inside: str) -> Sequence[Block]:
        """Usually one; none where nothing would be seen, several where addresses stand below each other."""
        match token.type:
            case "paragraph_open":
                if token.hidden:
                    self._hidden.add(line)
                return self._paragraph(tokens, line, inside)
            case "heading_open":
                words, _ = self._inline(tokens, line)
                self._refuse_pictures(words, line)
                return [Heading(line, int(token.tag[1]), words, _read_from(words))] if words else []
            case "bullet_list_open" | "ordered_list_open":
                return [self._listing(token, tokens, line, depth)]
            case "blockquote_open":
                quoted = self.blocks(tokens, depth + 1, inside="a quote")
                return [Quote(line, quoted, _first_direction(quoted))] if quoted else []
            case "fence" | "code_block":
                self._refuse_swallowed(token, line)
                refuse_lookalikes(token.content, self._file, line)
                refuse_lookalikes(token.info, self._file, line)
                language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
                return [CodeBlock(line, token.content.rstrip("\n"), language)]
            case "hr":
                return [Rule(line)]
            case "table_open":
                return [self._table(tokens, line)]
            case "container_open":
                return [self._container(token, tokens, line, depth, inside)]
        raise RenderError(f"{token.type} has no place in mail", file=self._file, line=line)  # pragma: no cover

    def _paragraph(self, tokens: Iterator[Token], line: int, inside: str) -> Sequence[Block]:
        children, source = self._inline(tokens, line)
        if addresses := bare_addresses(source, children):
            at_margin = not inside or inside.startswith("`")
            return cards_of(addresses, self._file, line, at_margin=at_margin)
        figure = figure_of(line, children)
        self._refuse_pictures(figure.caption if figure else children, line)
        if figure:
            return [figure]
        return [Paragraph(line, children, _read_from(children))] if children else []

    def _inline(self, tokens: Iterator[Token], line: int) -> tuple[tuple[Inline, ...], str]:
        """The nodes, and the source they were read from."""
        inline = next(tokens)
        next(tokens)  # the closing token
        return self._inlines.read(inline, line), inline.content

    def _footnote(self, token: Token, line: int) -> Footnote:
        if "label" in token.meta:
            return self.footnotes.named(token.meta["label"], line, self._gates)
        inline = Token("inline", "", 0, children=self._env["footnotes"]["list"][token.meta["id"]]["tokens"])

        def paragraph() -> Paragraph:
            words = self._inlines.read(inline, line)
            self._refuse_pictures(words, line)
            return Paragraph(line, words, _read_from(words))

        return self.footnotes.at_once(line, paragraph)

    def _listing(self, token: Token, tokens: Iterator[Token], line: int, depth: int) -> Listing:
        start = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
        items: list[tuple[Block, ...]] = []
        for item in tokens:
            if item.nesting == -1:
                break
            items.append(self.blocks(tokens, depth + 1, inside="a list"))
        loose = any(isinstance(b, Paragraph) and b.line not in self._hidden for blocks in items for b in blocks)
        marked = [without_mark(blocks) for blocks in items]
        tasks = tuple(done for done, _ in marked)
        direction = next((found for blocks in items if (found := _first_direction(blocks))), "")
        return Listing(
            line,
            start,
            not loose,
            tuple(blocks for _, blocks in marked),
            tasks if any(done is not None for done in tasks) else (),
            direction,
        )

    def _table(self, tokens: Iterator[Token], line: int) -> Table:
        aligns: list[str] = []
        rows: list[list[tuple[Inline, ...]]] = []
        for token in tokens:
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                if token.type == "th_open":
                    aligns.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
                rows[-1].append(self._inlines.read(next(tokens), line))
                self._refuse_pictures(rows[-1][-1], line)
        direction = next((found for row in rows for cell in row if (found := _read_from(cell))), "")
        return Table(line, tuple(aligns), tuple(rows[0]), tuple(tuple(row) for row in rows[1:]), direction)

    def _container(self, token: Token, tokens: Iterator[Token], line: int, depth: int, inside: str) -> Container:
        name, _, args = token.info.partition(" ")
        kind = KINDS.get(name)
        if kind is None:
            known = ", ".join(sorted(KINDS))
            raise RenderError(
                f"there is no block called {name!r}", file=self._file, line=line, fix=f"use one of: {known}"
            )
        if problem := kind.misplaced(name, inside, depth):
            raise RenderError(problem, file=self._file, line=line, fix="move it out, to the left margin of the letter")
        refuse_lookalikes(token.info, self._file, line)
        within = inside if kind.room is Room.GATE else f"`::: {name}`"
        outside = self._gates
        if is_gate(name):
            self._gates = (*outside, line - self._first)
        container = Container(line, name, args.strip(), self.blocks(tokens, depth + 1, within))
        self._gates = outside
        kind.check(container, self._file)
        return container

    def _refuse_swallowed(self, token: Token, line: int) -> None:
        """A fence that nobody closed takes the rest of the letter for code, a paywall too, and shows it to everybody."""
        first, end = token.map or (0, 0)
        unclosed = token.type == "fence" and end - first < token.content.count("\n") + 2
        if unclosed and _BLOCK.search(token.content):
            fix = f"close the code with {token.markup}"
            raise RenderError("code that is never closed, with a block in it", file=self._file, line=line, fix=fix)

    def _refuse_pictures(self, nodes: tuple[Inline, ...], line: int) -> None:
        if holds_picture(nodes):  # Outlook needs a width, and nobody knows one for an image between words
            fix = "give it a paragraph of its own; what follows it there is its caption"
            raise RenderError("an image in the middle of a line", file=self._file, line=line, fix=fix)

    def _line(self, token: Token) -> int:
        return self._first + (token.map[0] if token.map else 0)


def _read_from(words: Iterable[Inline]) -> str:
    return direction_of(wording(words))


def _first_direction(blocks: Iterable[Block]) -> str:
    return next((found for block in blocks if (found := getattr(block, "direction", ""))), "")


def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False, "maxNesting": 60}).enable(["table", "strikethrough"])
    add_containers(md)
    add_merge_tags(md)
    add_footnotes(md)
    add_comments(md)
    return md


_PARSER = _parser()
