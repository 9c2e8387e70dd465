"""Breaks HTML into lines that mail may hold: 998 bytes at most (RFC 5322, 2.1.1), where a line break changes nothing.

A break takes the place of a space, before an attribute or between words outside <pre> and <style>, or stands before a
tag's `>`. It never falls into a quoted attribute, a reference or a merge tag. A word without spaces that is too long is
cut by an empty comment. What cannot be broken is an attribute's value: an address longer than a line stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 998  # bytes, without the line's end
_WANTED = 380  # with a merge tag in it, for the longest name is 600 bytes once it is escaped
_ENOUGH = 760  # without
_TAG = b"-bs"  # how a merge tag begins

# The quick way, which nearly every line can go: before each style, and between words where a line is still too long.
_STYLED = b' style="'
_META = b"/><meta "
_LONG_TEXT = re.compile(rb">[^<>]{240,}")
_WORDS = re.compile(
    rb"[^\n]{160}[^\n ]*+ ?"
)  # matches without a blank too: from each letter anew it would take minutes
_PIECE = re.compile(
    r"""
      (?P<tag></?[a-zA-Z](?:[^<>"']|"[^"]*"|'[^']*')*>)
    | (?P<comment><!(?:--)?\[?[^>]*>)
    | (?P<text>[^<]+)
    | (?P<rest><)
    """,
    re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""\s(?=[^\s"'=]+=)(?=(?:[^"']|"[^"]*"|'[^']*')*$)""")
_LONGEST_CLUSTER = 64  # letters; what piles more marks on one is no writing
_PRE = re.compile(rb"(<pre\b.*?</pre>)", re.DOTALL)
_WHOLE = re.compile(r"-bs\d\d[a-z]-|&#?\w+;|.", re.DOTALL)


def fold(html: bytes) -> bytes:
    """The same mail (UTF-8), or a part of one, in lines of 380 to 760 bytes wherever that is possible."""
    parts = _PRE.split(html) if b"<pre" in html else [html]
    parts[1::2] = [_within(pre) for pre in parts[1::2]]
    for quickly in (_at_styles, _between_words):
        quick = b"".join([part if at % 2 else quickly(part) for at, part in enumerate(parts)])
        if _all_fit(quick):
            return quick
    # From the start: a line of the quick way may begin inside a tag.
    return _Folded().run(b"".join(parts).decode()).encode()


def _at_styles(html: bytes) -> bytes:
    head, body, rest = html.rpartition(b"<body")  # style sheets have lines of their own
    return head.replace(_META, b"/>\n<meta ") + body + rest.replace(_STYLED, b'\nstyle="')


def _between_words(html: bytes) -> bytes:
    head, body, rest = _at_styles(html).rpartition(b"<body")
    lines = rest.split(b"\n")
    broken = [line if len(line) <= _WANTED or _fits(line) else _LONG_TEXT.sub(_broken, line) for line in lines]
    return head + body + b"\n".join(broken)


def _all_fit(html: bytes) -> bool:
    lines = html.split(b"\n")
    return max(map(len, lines)) <= _WANTED or all(_fits(line) for line in lines if len(line) > _WANTED)


def _broken(text: re.Match[bytes]) -> bytes:
    return _WORDS.sub(_ended, text[0])


def _ended(words: re.Match[bytes]) -> bytes:
    return words[0][:-1] + b"\n" if words[0].endswith(b" ") else words[0]


def _within(pre: bytes) -> bytes:
    """A <pre> with its line breaks as themselves; but for one at its beginning, which a browser would drop."""
    start = pre.index(b">") + 1
    start += len(b"&#10;") if pre.startswith(b"&#10;", start) else 0
    return pre[:start] + pre[start:].replace(b"&#10;", b"\n")


def _fits(line: bytes) -> bool:
    """Whether a line of more than `_WANTED` bytes is short enough all the same: there is no merge tag in it."""
    return len(line) <= _ENOUGH and _TAG not in line


class _Folded:
    """A mail folded piece by piece: slower, and sure."""

    def __init__(self) -> None:
        self._pre = False  # inside one
        self._sheet = False  # inside a <style>
        self._made: list[str] = []
        self._room = _WANTED

    def run(self, html: str) -> str:
        for piece in _PIECE.finditer(html):
            match piece.lastgroup:
                case "tag":
                    self._tag(piece[0])
                case "text" if self._sheet:
                    self._add(piece[0])
                case "text" if not self._pre:
                    self._text(piece[0])
                case _:
                    self._long(piece[0]) if piece.lastgroup == "text" else self._add(piece[0])
        return "".join(self._made)

    def _tag(self, tag: str) -> None:
        if tag.startswith(("<pre", "</pre")):
            self._pre = tag[1] != "/"
        if tag.startswith(("<style", "</style")):
            self._sheet = tag[1] != "/"
        size = len(tag.encode())
        if size <= self._room:
            self._add(tag)
            return
        if " " not in tag and "\n" not in tag:
            self._add(tag[:-1])
            self._break("\n")
            self._add(">")
            return
        for number, attribute in enumerate(_ATTRIBUTE.split(tag)):
            if number:
                fits = len(attribute.encode()) < self._room
                self._add(" ") if fits else self._break("\n")
            self._add(attribute)

    def _text(self, text: str) -> None:
        for number, word in enumerate(text.split(" ")):
            if number:
                fits = len(word.encode()) < self._room
                self._add(" ") if fits else self._break("\n")
            self._long(word)

    def _long(self, word: str) -> None:
        if len(word.encode()) <= max(self._room, _WANTED):
            self._add(word)
            return
        for piece in _clusters(word):
            if len(piece.encode()) > self._room:
                self._made.append("<!--")
                self._break("\n-->")
            self._add(piece)

    def _add(self, text: str) -> None:
        self._made.append(text)
        line = text.rpartition("\n")
        self._room = (_WANTED if line[1] else self._room) - len(line[2].encode())

    def _break(self, at: str) -> None:
        self._made.append(at)
        self._room = _WANTED - len(at)


def _clusters(word: str) -> Iterator[str]:
    """A word in pieces that may stand apart: no merge tag, reference, or letter with its marks is cut."""
    piece = ""
    for found in _WHOLE.finditer(word):
        part = found[0]
        if (
            piece
            and len(piece) < _LONGEST_CLUSTER
            and (part in "\u200d\ufe0f\u20e3" or piece[-1] == "\u200d" or _joins(part))
        ):
            piece += part
        else:
            if piece:
                yield piece
            piece = part
    if piece:
        yield piece


def _joins(part: str) -> bool:
    return "\u0300" <= part <= "\u036f" or "\U0001f3fb" <= part <= "\U0001f3ff" or "\u0900" <= part <= "\u0dff"
