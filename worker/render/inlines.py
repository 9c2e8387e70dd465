"""Inline Markdown: the tokens inside a paragraph become Text, Styled, Link, Picture and Merge nodes.

Built with a stack, never by recursion: 60 KB of `*` nest 15,000 deep, which would end MRML's process. Also the
Markdown rule for merge tags, and the links a mail may hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from worker.errors import RenderError
from worker.render.blocks import Break, Code, Figure, Footnote, Inline, Link, Merge, Picture, Pieces, Styled, Text
from worker.render.placeholders import MARK, marked, merge_of, refuse_lookalikes
from worker.render.targets import encoded, refuse_scheme, target_of

_DEEPEST = 12  # emphasis in emphasis; nobody writes half of it

_TAG = re.compile(r"\{([a-z][a-z_]*)(?:\|([^{}\n]*))?\}(?!\})")


def add_merge_tags(md: MarkdownIt) -> None:
    """Teach a parser `{first_name|there}`, in text and in link addresses, and leave judging links to us."""
    md.inline.ruler.before("escape", "merge", _merge)
    md.normalizeLink = encoded  # type: ignore[method-assign]
    # <https://...> is shown as it was typed.
    md.normalizeLinkText = lambda link: link  # type: ignore[method-assign]
    # markdown-it shows a link it refuses as text; a wrong address deserves an error with its line instead.
    md.validateLink = lambda url: True  # type: ignore[method-assign]


def _merge(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "{" or (state.pos and state.src[state.pos - 1] == "{"):
        return False
    found = _TAG.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        token = state.push("merge", "", 0)
        token.meta = {"name": found[1], "fallback": found[2], "row": state.src.count("\n", 0, state.pos)}
    state.pos = found.end()
    return True


class InlineReader:
    """Reads the inline tokens of one file; every error names the line."""

    def __init__(self, file: str, footnote: Callable[[Token, int], Footnote]) -> None:
        """`footnote` finds the note that a token on a line refers to."""
        self._file = file
        self._footnote = footnote

    def read(self, inline: Token, line: int) -> tuple[Inline, ...]:
        """The nodes of one `inline` token that starts on `line`."""
        nodes = self._nodes(inline.children or (), line)
        refuse_lookalikes(wording(nodes), self._file, line)
        return nodes

    def _nodes(self, tokens: Iterable[Token], line: int) -> tuple[Inline, ...]:
        stack: list[list[Inline]] = [[]]
        opened: list[tuple[Token, int]] = []
        row = line
        for token in tokens:
            if token.type in ("softbreak", "hardbreak"):
                row += 1
            if token.nesting == 1:
                if len(stack) > _DEEPEST:
                    raise RenderError(
                        f"emphasis and links are nested more than {_DEEPEST} deep",
                        file=self._file,
                        line=line,
                        fix="escape the `*` or `_` that is meant as itself: \\*",
                    )
                stack.append([])
                opened.append((token, row))
            elif token.nesting == -1:
                children = tuple(stack.pop())
                stack[-1].append(self._enclosed(*opened.pop(), children))
            elif (node := self._leaf(token, line)) is not None:
                if token.content[:2] in ("](", "][") and any(isinstance(before, Footnote) for before in stack[-1]):
                    fix = "put the footnote behind the link"  # Markdown would show the brackets
                    raise RenderError("a footnote inside a link", file=self._file, line=row, fix=fix)
                stack[-1].append(node)
        return tuple(stack[0])

    def _enclosed(self, token: Token, line: int, children: tuple[Inline, ...]) -> Inline:
        if token.type == "link_open":
            return Link(target_of(str(token.attrs.get("href", "")), self._file, line), children)
        return Styled(token.tag, children)

    def _leaf(self, token: Token, line: int) -> Inline | None:
        match token.type:
            case "text":
                return Text(token.content) if token.content else None
            case "softbreak":
                return Text(" ")
            case "hardbreak":
                return Break()
            case "code_inline":
                return Code(token.content)
            case "merge":
                return merge_of(token.meta["name"], token.meta["fallback"], self._file, line + token.meta["row"])
            case "image":
                return self._picture(token, line)
            case "footnote_ref":
                return self._footnote(token, line)
        raise RenderError(f"{token.type} has no place in mail", file=self._file, line=line)  # pragma: no cover

    def _picture(self, token: Token, line: int) -> Picture:
        source = str(token.attrs.get("src", ""))
        refuse_scheme(source, self._file, line)
        words = self._nodes(token.children or (), line)
        if any(isinstance(node, Footnote) for node in words):
            fix = "put it behind the image"
            raise RenderError("a footnote in the words of an image", file=self._file, line=line, fix=fix)
        return Picture(source, flat(words))


def figure_of(line: int, children: Sequence[Inline]) -> Figure | None:
    """A Figure where a paragraph begins with an image (linked or not); what follows in it is the caption."""
    link: Pieces = ()
    match children:
        case [Picture() as picture, *rest]:
            pass
        case [Link(target, (Picture() as picture,)), *rest]:
            link = target
        case _:
            return None
    while rest and (isinstance(rest[0], Break) or (isinstance(rest[0], Text) and not rest[0].text.strip())):
        rest = rest[1:]
    return Figure(line, picture, link, tuple(rest))


def holds_picture(nodes: Iterable[Inline]) -> bool:
    """Whether an image stands among the nodes or inside one of them."""
    return any(
        isinstance(node, Picture) or (isinstance(node, Styled | Link) and holds_picture(node.children))
        for node in nodes
    )


def wording(nodes: Iterable[Inline]) -> str:
    """The words of the nodes without their styling, merge tags as MARK, links as their text and address."""
    parts = []
    for node in nodes:
        match node:
            case Text(text) | Code(text):
                parts.append(text)
            case Merge():
                parts.append(MARK)
            case Break():
                parts.append("\n")
            case Picture(_, alt):
                parts.append(marked(alt))
            case Styled(_, children) | Link(_, children):
                parts.append(wording(children))
    return "".join(parts)


def flat(nodes: Iterable[Inline]) -> Pieces:
    """The words of the nodes on one line, merge tags kept; for places that hold no markup."""
    joined: list[str | Merge] = []
    for piece in _pieces(nodes):
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)


def _pieces(nodes: Iterable[Inline]) -> Iterator[str | Merge]:
    for node in nodes:
        match node:
            case Text(text) | Code(text):
                yield text
            case Merge():
                yield node
            case Break():
                yield " "
            case Picture(_, alt):
                yield from alt
            case Styled(_, children) | Link(_, children):
                yield from _pieces(children)
