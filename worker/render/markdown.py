"""Markdown in, block tree out: one parse, from which HTML and plain text are both made.

CommonMark with tables, strikethrough, containers and merge tags; raw HTML stays text. What the tree could not hold
without harm (unknown containers, links that run code, hostile nesting) is refused here, with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from worker.errors import RenderError
from worker.render.blocks import (
    Block,
    CodeBlock,
    Container,
    Heading,
    Inline,
    Listing,
    Paragraph,
    Quote,
    Rule,
    Table,
    Tree,
)
from worker.render.containers import Unbalanced, add_containers
from worker.render.inlines import InlineReader, add_merge_tags, figure_of, holds_picture
from worker.render.placeholders import refuse_lookalikes
from worker.render.registry import KINDS, Room

# Block nesting. MRML's process dies at about 10,000 levels and markdown-it drops what is deeper than its own
# limit without a word, so ours is reached first.
_DEEPEST = 16

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
    try:
        tokens = _PARSER.parse(body)
    except Unbalanced as wrong:
        fix = "close each block with a line `:::`"
        raise RenderError(wrong.problem, file=file, line=first_line + wrong.row, fix=fix) from None
    blocks = _Builder(file, first_line).blocks(iter(tokens), depth=0)
    paywalls = [block for block in blocks if isinstance(block, Container) and block.name == "paywall"]
    if len(paywalls) > 1:
        raise RenderError(
            "a second paywall", file=file, line=paywalls[1].line, fix="keep the first, or use `::: paid` for a part"
        )
    return Tree(file, blocks)


class _Builder:
    """Turns the token stream into blocks by recursive descent; depth is bounded before it recurses."""

    def __init__(self, file: str, first_line: int) -> None:
        self._file = file
        self._first = first_line
        self._inlines = InlineReader(file)
        self._hidden: set[int] = set()  # lines of the paragraphs of tight lists

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
            found.append(self._block(token, tokens, line, depth, inside))
        return tuple(found)

    def _block(self, token: Token, tokens: Iterator[Token], line: int, depth: int, inside: str) -> Block:
        match token.type:
            case "paragraph_open":
                if token.hidden:
                    self._hidden.add(line)
                return self._paragraph(tokens, line)
            case "heading_open":
                words = self._inline(tokens, line)
                self._refuse_pictures(words, line)
                return Heading(line, max(2, int(token.tag[1])), words)
            case "bullet_list_open" | "ordered_list_open":
                return self._listing(token, tokens, line, depth)
            case "blockquote_open":
                return Quote(line, self.blocks(tokens, depth + 1, inside="a quote"))
            case "fence" | "code_block":
                refuse_lookalikes(token.content, self._file, line)
                return CodeBlock(line, token.content.rstrip("\n"))
            case "hr":
                return Rule(line)
            case "table_open":
                return self._table(tokens, line)
            case "container_open":
                return self._container(token, tokens, line, depth, inside)
        raise RenderError(f"{token.type} has no place in mail", file=self._file, line=line)  # pragma: no cover

    def _paragraph(self, tokens: Iterator[Token], line: int) -> Block:
        children = self._inline(tokens, line)
        figure = figure_of(line, children)
        self._refuse_pictures(figure.caption if figure else children, line)
        return figure or Paragraph(line, children)

    def _inline(self, tokens: Iterator[Token], line: int) -> tuple[Inline, ...]:
        inline = next(tokens)
        next(tokens)  # the closing token
        return self._inlines.read(inline, line)

    def _listing(self, token: Token, tokens: Iterator[Token], line: int, depth: int) -> Listing:
        start = int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None
        items: list[tuple[Block, ...]] = []
        for item in tokens:
            if item.nesting == -1:
                break
            items.append(self.blocks(tokens, depth + 1, inside="a list"))
        loose = any(isinstance(b, Paragraph) and b.line not in self._hidden for blocks in items for b in blocks)
        return Listing(line, start, not loose, tuple(items))

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
        return Table(line, tuple(aligns), tuple(rows[0]), tuple(tuple(row) for row in rows[1:]))

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
        container = Container(line, name, args.strip(), self.blocks(tokens, depth + 1, within))
        kind.check(container, self._file)
        return container

    def _refuse_pictures(self, nodes: tuple[Inline, ...], line: int) -> None:
        if holds_picture(nodes):  # Outlook needs a width, and nobody knows one for an image between words
            fix = "give it a paragraph of its own; what follows it there is its caption"
            raise RenderError("an image in the middle of a line", file=self._file, line=line, fix=fix)

    def _line(self, token: Token) -> int:
        return self._first + (token.map[0] if token.map else 0)


def _parser() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False, "maxNesting": 60}).enable(["table", "strikethrough"])
    add_containers(md)
    add_merge_tags(md)
    return md


_PARSER = _parser()
