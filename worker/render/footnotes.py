"""Footnotes: `[^name]` in the text, `[^name]: what it says` anywhere in the file, or `^[at once]`.

Finds the definitions among the tokens and gives each reference what its note says. A note is read where it is referred
to: whoever may not read the place never gets the note, wherever in the file it is written. What would lose words, or
show them to the wrong plan, is refused with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from worker.errors import RenderError
from worker.render.blocks import Block, Footnote, Paragraph
from worker.render.gate import is_gate


def add_footnotes(md: MarkdownIt) -> None:
    """Teach a parser footnotes; a reference to a note that is nowhere becomes a token too, and an error here."""
    footnote_plugin(md, move_to_end=False, always_match_refs=True)


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a note is written: its row in the body (from 0), its tokens, and the rows of the gates around it."""

    row: int
    tokens: tuple[Token, ...]
    gates: tuple[int, ...]


def taken_out(tokens: Sequence[Token], env: Mapping[str, Any]) -> tuple[Sequence[Token], list[tuple[str, Definition]]]:
    """The tokens without the definitions among them, and the definitions by name, in the order of the file."""
    if "footnotes" not in env:
        return tokens, []
    left: list[Token] = []
    found: list[tuple[str, Definition]] = []
    around: list[tuple[int, bool]] = []
    stream = iter(tokens)
    for token in stream:
        match token.type:
            case "container_open":
                around.append((_row(token), is_gate(token.info.partition(" ")[0])))
            case "container_close":
                around.pop()
            case "footnote_reference_open":
                gates = tuple(row for row, is_one in around if is_one)
                found.append((token.meta["label"], Definition(_row(token), tuple(_inner(stream)), gates)))
                continue
        left.append(token)
    return left, found


def _inner(stream: Iterator[Token]) -> Iterator[Token]:
    depth = 1
    for token in stream:
        depth += {"footnote_reference_open": 1, "footnote_reference_close": -1}.get(token.type, 0)
        if depth == 0:
            return
        yield token


def _row(token: Token) -> int:
    return token.map[0] if token.map else 0


class Footnotes:
    """The notes of one file, each read once, when it is first referred to."""

    def __init__(
        self,
        file: str,
        first_line: int,
        definitions: Sequence[tuple[str, Definition]],
        read: Callable[[Iterator[Token]], tuple[Block, ...]],
    ) -> None:
        self._file = file
        self._first = first_line
        self._read = read
        self._definitions: dict[str, Definition] = {}
        for name, definition in definitions:
            if name in self._definitions:
                raise self._wrong(f"a second footnote [^{name}]", definition.row, "give it another name")
            self._definitions[name] = definition
        self._made: dict[str, Footnote] = {}
        self._reading = False
        self._written_at_once = 0

    def named(self, name: str, line: int, gates: tuple[int, ...]) -> Footnote:
        """The note a reference on `line`, inside those gates, leads to."""
        row = line - self._first
        self._refuse_nested(row)
        definition = self._definitions.get(name)
        if definition is None:
            fix = f"write what it says as [^{name}]: ..., or \\[^{name}] if these are only brackets"
            raise self._wrong(f"there is no footnote [^{name}]", row, fix)
        if gates[: len(definition.gates)] != definition.gates:
            fix = "move the line to the end of the letter: a footnote is read where it is referred to"
            problem = f"the footnote [^{name}] stands in a part for one plan, but is referred to from outside of it"
            raise self._wrong(problem, definition.row, fix)
        if name not in self._made:
            self._reading = True
            self._made[name] = Footnote(definition.row, self._read(iter(definition.tokens)))
            self._reading = False
        return self._made[name]

    def at_once(self, line: int, paragraph: Callable[[], Paragraph]) -> Footnote:
        """A note written where it is referred to."""
        self._refuse_nested(line - self._first)
        self._written_at_once += 1
        self._reading = True
        note = Footnote(-self._written_at_once, (paragraph(),))
        self._reading = False
        return note

    def refuse_unused(self) -> None:
        """RenderError for a note that nothing refers to: its words would reach nobody."""
        for name, definition in self._definitions.items():
            if name not in self._made:
                fix = f"write [^{name}] where it belongs, or delete the line"
                raise self._wrong(f"nothing refers to the footnote [^{name}]", definition.row, fix)

    def _refuse_nested(self, row: int) -> None:
        if self._reading:
            raise self._wrong("a footnote inside a footnote", row, "put it in brackets instead")

    def _wrong(self, what: str, row: int, fix: str) -> RenderError:
        return RenderError(what, file=self._file, line=self._first + row, fix=fix)
