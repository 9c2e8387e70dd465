"""Lines of plain text: how many columns characters take, and where a line may break.

Columns are a terminal's: two for ideographs and emoji, none for what joins or sits on another character. Words break at
blanks alone; text in Chinese and Japanese also between its characters, but never before a mark that closes something or
after one that opens it. An address is one word, whatever it is made of.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

WIDTH = 78  # RFC 5322 advises no more

# All that is surely one column wide; most text is, and needs no closer look.
_UNEVEN = re.compile(
    "[^ -~\u00a0-\u02ff\u0370-\u0482\u048a-\u0590\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2500-\u2574]"
)
_OPENING = "[（「『【〈《〔［｛“‘(]"
_CLOSING = "[、。，．：；？！）」』】〉》〕］｝ー々…‥・”’),.!?:;ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ]"
_WIDE = "[\u2e80-\u312f\u3190-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff60\uffe0-\uffe6\U00020000-\U0003ffff]"
_GLUE = "[\u00a0\u202f\u2060\ufeff]"  # holds what stands on either side
_UNIT = f"{_OPENING}*(?:{_WIDE}|(?:(?!{_WIDE}|{_OPENING}|{_GLUE}).)+|{_OPENING}+$){_CLOSING}*"
_ATOM = re.compile(f"{_GLUE}*{_UNIT}(?:{_GLUE}+{_UNIT})*{_GLUE}*|{_GLUE}+")
_HAS_WIDE = re.compile(_WIDE)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:[^\s:]", re.IGNORECASE)


def width(text: str) -> int:
    """The columns of one line."""
    if text.isascii() or not _UNEVEN.search(text):
        return len(text)
    total, last, joined, before = 0, 0, False, ""
    for character in text:
        if joined or "\U0001f3fb" <= character <= "\U0001f3ff":  # part of the emoji before it
            joined = False
            last = last or _columns(character)
            total += 0 if total else last
        elif character == "\u200d":
            joined = last == 2
        elif character == "\ufe0f":  # asks for the emoji's form of a character that has two
            total, last = total + (last == 1 and _has_two_forms(before)), 2
        elif columns := _columns(character):
            total, last = total + columns, columns
        before = character
    return total


def wrap(text: str, first: str = "", later: str = "", width: int = WIDTH) -> str:
    """Text broken into lines of at most `width` columns, prefixes included; a longer word stays whole.

    A non-breaking space does not break.
    """
    if len(first) + len(text) <= width and "\n" not in text and (text.isascii() or not _UNEVEN.search(text)):
        return (first + text.strip(" ")).rstrip(" ")  # most are one short line
    lines = []
    prefix = first
    room = max(1, width - max(len(first), len(later)))
    for paragraph in text.split("\n"):
        paragraph = paragraph.strip(" ")
        for line in _lines(paragraph, room):
            lines.append((prefix + line).rstrip(" "))
            prefix = later
    return "\n".join(lines)


def padded(text: str, columns: int, align: str) -> str:
    """Text with blanks around it, as wide as a column of a table; `align` is left, center, right or empty."""
    missing = columns - width(text)
    before = missing if align == "right" else missing // 2 if align == "center" else 0
    return " " * before + text + " " * (missing - before)


def _lines(paragraph: str, room: int) -> list[str]:
    even = paragraph.isascii() or not _UNEVEN.search(paragraph)
    return (_even(room).findall(paragraph) if even else _filled(paragraph, room)) or [""]


def _filled(text: str, room: int) -> list[str]:
    """Lines of text whose characters are not all one column wide."""
    lines: list[str] = []
    line, taken = "", 0
    for word in text.split(" "):
        glue = " " if line else ""
        for atom in (word,) if word.isascii() and word else _atoms(word):
            columns = len(atom) if atom.isascii() else width(atom)
            if line and taken + len(glue) + columns > room:
                lines.append(line)
                line, taken, glue = "", 0, ""
            line, taken, glue = line + glue + atom, taken + len(glue) + columns, ""
    return [*lines, line] if line else lines


def _atoms(word: str) -> list[str]:
    """What may not be broken; most words are one."""
    if not _HAS_WIDE.search(word) or _ADDRESS.search(word):
        return [word] if word else []
    return _ATOM.findall(word)


@lru_cache(maxsize=256)
def _even(room: int) -> re.Pattern[str]:
    return re.compile(rf"([^ \n]{{{room + 1},}}|[^\n]{{1,{room}}})(?: +|$)")


def _has_two_forms(character: str) -> bool:
    return character in "#*‼⁉" or unicodedata.category(character) in ("So", "Sm", "Nd")


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
