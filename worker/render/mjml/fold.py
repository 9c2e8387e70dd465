"""Breaks HTML into lines that mail may hold: 998 bytes at most (RFC 5322, 2.1.1), where a line break changes nothing.

A break takes the place of a space, before an attribute or between words outside <pre>, or stands before a tag's `>`. It never falls into a quoted
attribute, a reference or a merge tag. A word without spaces that is too long is cut by an empty comment.
What cannot be broken is an attribute's value: an address longer than a line stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 998  # bytes, without the line's end
_WANTED = 480  # leaves room for merge values, which take the place of short tags later

# In these tags MRML's first attribute follows one space; a break there costs no byte and no thought.
_ROOMY = re.compile(r"<(table|td|div|li|img) ")
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
_PRE = re.compile(r"(<pre\b[^>]*>)(&#10;|)(.*?)(?=</pre>)", re.DOTALL)
_WHOLE = re.compile(r"-bs\d\d[a-z]-|&#?\w+;|.", re.DOTALL)


def fold(html: str) -> str:
    """The same mail, in lines of about 480 bytes wherever that is possible."""
    folded = _ROOMY.sub(r"<\1\n", html)
    if "<pre" in folded:
        folded = _PRE.sub(_lines, folded)
    lines = folded.split("\n")
    if all(_fits(line) for line in lines):
        return folded
    made: list[str] = []
    within = False  # a <pre>
    for line in lines:
        made.append(line if _fits(line) else _Folded(within).run(line))
        last = max(line.rfind("<pre"), line.rfind("</pre"))
        if last >= 0:
            within = line.startswith("<pre", last)
    return "\n".join(made)


def _lines(pre: re.Match[str]) -> str:
    """Line breaks of a <pre> as themselves; but for one at its beginning, which a browser would drop."""
    return pre[1] + pre[2] + pre[3].replace("&#10;", "\n")


def _fits(line: str) -> bool:
    return len(line) * 4 <= _WANTED or len(line.encode()) <= _WANTED


class _Folded:
    """One line, on its way to being several."""

    def __init__(self, within: bool) -> None:
        self._pre = within
        self._made: list[str] = []
        self._room = _WANTED

    def run(self, line: str) -> str:
        for piece in _PIECE.finditer(line):
            match piece.lastgroup:
                case "tag":
                    self._tag(piece[0])
                case "text" if not self._pre:
                    self._text(piece[0])
                case _:
                    self._long(piece[0]) if piece.lastgroup == "text" else self._add(piece[0])
        return "".join(self._made)

    def _tag(self, tag: str) -> None:
        if tag.startswith(("<pre", "</pre")):
            self._pre = tag[1] != "/"
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
        self._room -= len(text.encode())

    def _break(self, at: str) -> None:
        self._made.append(at)
        self._room = _WANTED - len(at)


def _clusters(word: str) -> Iterator[str]:
    """A word in pieces that may stand apart: no merge tag, reference, or letter with its marks is cut."""
    piece = ""
    for found in _WHOLE.finditer(word):
        part = found[0]
        if piece and (part in "\u200d\ufe0f\u20e3" or piece[-1] == "\u200d" or _joins(part)):
            piece += part
        else:
            if piece:
                yield piece
            piece = part
    if piece:
        yield piece


def _joins(part: str) -> bool:
    return "\u0300" <= part <= "\u036f" or "\U0001f3fb" <= part <= "\U0001f3ff" or "\u0900" <= part <= "\u0dff"
