"""The guard: one pass over MJML that takes from MRML 6.0.1 every chance to garble, panic or crash.

What it mends: characters MRML would print as `\\u{200d}` or `\\n` in attributes; unitless zeros; repeated attributes;
line breaks between inline tags and in <pre>, which MRML drops; bare `>`, on which it panics after a letter beyond
ASCII. What it refuses: tags and attributes that are not on the list, tags that do not match, nesting beyond 100
(MRML's process ends at about 10,000). `<!--@12-->` marks that what follows was made from line 12 of the
author's file; such marks and comments are dropped, so no comment can land between Outlook's ghost tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from worker.errors import RenderError
from worker.render.mjml.allowed import HTML, INLINE, MJML, PARENTS, VOID, WORDED

DEEPEST = 100

_TOKEN = re.compile(
    r"""
    <!--@(?P<line>\d++)-->
    | (?P<comment><!--.*?-->)
    | (?P<tag></?+(?P<name>[a-z][a-z0-9-]*+)(?:[^<>"']|"[^"]*+"|'[^']*+')*+>)
    | (?P<text>[^<]++)
    | (?P<bare><)
    """,
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE = re.compile(r"""\s*+([a-zA-Z_][\w:.-]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'))?+""")
_LINE_BREAKS = re.compile(r"[ \t]*[\r\n][\s]*")
_ODD = re.compile(r"[^ !#-;=?-\[\]-~]")  # all but printable ASCII without " < > and backslash
_BARE_ZERO = re.compile(r"(?<![\w.#-])0(?![\w.%])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_SIZED = re.compile(r"padding(-\w+)?|inner-padding|width|height|border(-\w+)?")


@dataclass(slots=True)
class Guarded:
    """MJML that MRML renders as it was meant. `marks` are pairs of an index into `parts` and an author's line."""

    parts: list[str] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The MJML."""
        return "".join(self.parts)

    def line_at(self, byte: int) -> int | None:
        """The author's line that made what stands at a byte offset of the source; None in the layout's own parts."""
        line, at, marks = None, 0, iter([*self.marks, (len(self.parts), 0)])
        mark = next(marks)
        for index, part in enumerate(self.parts):
            while mark[0] <= index and mark[1]:
                line, mark = mark[1], next(marks)
            at += len(part.encode())
            if at > byte:
                return line or None
        return line or None


def guard(mjml: str, file: str) -> Guarded:
    """The MJML made safe. RenderError names `file` and, where a mark tells it, the author's line."""
    return _Guard(file).run(mjml)


class _Guard:
    """The state of one pass: which tags are open, and which line of the author's file it is at."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._line: int | None = None
        self._open: list[str] = [""]
        self._words: str = ""  # the MJML tag whose words we are in, if any
        self._pre = 0
        self._inline_before = False  # the tag just passed was an inline one

    def run(self, mjml: str) -> Guarded:
        if bad := _UNPRINTABLE.search(mjml):
            raise self._wrong(f"the character U+{ord(bad[0]):04X} cannot be printed", "delete it")
        made = Guarded()
        add = made.parts.append
        mjml = mjml.lstrip("\ufeff \r\n\t")
        for token in _TOKEN.finditer(mjml):
            match token.lastgroup:
                case "tag":
                    add(self._tag(token[0], token["name"]))
                case "text":
                    add(self._text(token[0]))
                case "line":
                    self._line = int(token["line"]) or None
                    made.marks.append((len(made.parts), int(token["line"])))
                case "comment":
                    add(self._comment(token[0]))
                case _:
                    near = mjml[token.start() : token.start() + 30]
                    raise self._wrong(f"a bare `<` or a tag that does not end: {near!r}", "write &lt;")
        if len(self._open) > 1:
            raise self._wrong(f"<{self._open[-1]}> is never closed", "close it in the template")
        return made

    def _text(self, text: str) -> str:
        if not self._words:
            if not text.isspace():
                where = f"<{self._open[-1]}>" if self._open[-1] else "the file"
                raise self._wrong(f"text directly in {where}: {text.strip()[:30]!r}", "put it into an <mj-text>")
            return "\n"
        if self._words == "mj-style":
            if not text.isascii() or "\\" in text:
                raise self._wrong("a character outside ASCII, or a backslash, in <mj-style>", "write it in ASCII")
            return text
        if self._words == "mj-title":
            return _ODD.sub(_reference, text)
        if self._pre:
            return text.replace("\r\n", "\n").replace("\n", "&#10;").replace(">", "&gt;").replace("\\", "&#92;")
        if text[0] in "\r\n" and text.isspace():
            return " " if self._inline_before else "\n"
        if ">" in text:
            text = text.replace(">", "&gt;")
        return text.replace("\\", "&#92;") if "\\" in text else text

    def _comment(self, comment: str) -> str:
        if not comment.startswith(("<!--[if", "<!--<![endif]")):
            return ""
        if not comment.isascii() or "\\" in comment:
            raise self._wrong("a character outside ASCII in a conditional comment", "write it in ASCII")
        return comment

    def _tag(self, tag: str, name: str) -> str:
        if tag[1] == "/":
            return self._closing(tag, name)
        holder = self._open[-1]
        if (self._words and name not in HTML) or (name not in MJML and not self._words):
            raise self._wrong(f"<{name}> has no place in {_named(holder)}", "use another tag in the template")
        if not self._words and name not in PARENTS.get(holder, ()):
            raise self._wrong(f"<{name}> may not stand in {_named(holder)}", "change the template")
        if holder in ("mj-title", "mj-style"):
            raise self._wrong(f"<{name}> in <{holder}>", "write text only")
        made, alone, problem = _mended(tag, name)
        if problem:
            raise self._wrong(problem, "correct it in the template")
        if alone or name in VOID:
            self._inline_before = name in INLINE
            return made
        self._open.append(name)
        if len(self._open) > DEEPEST + 1:
            raise self._wrong(f"tags are nested more than {DEEPEST} deep", "use fewer quotes, lists or emphasis there")
        if name in WORDED:
            self._words = name
        if name == "pre":
            self._pre += 1
        self._inline_before = name in INLINE
        return made

    def _closing(self, tag: str, name: str) -> str:
        if self._open[-1] != name:
            raise self._wrong(f"</{name}> closes {_named(self._open[-1])}", "close tags in the order they opened")
        self._open.pop()
        if name == self._words:
            self._words = ""
        if name == "pre":
            self._pre -= 1
        self._inline_before = name in INLINE
        return tag

    def _wrong(self, what: str, fix: str) -> RenderError:
        return RenderError(what, file=self._file, line=self._line, fix=fix)


@lru_cache(maxsize=4096)  # a mail repeats a few dozen opening tags some hundred times
def _mended(tag: str, name: str) -> tuple[str, bool, str]:
    """An opening tag made safe, whether it closes itself, and what is wrong with it (empty: nothing)."""
    end = -2 if tag[-2] == "/" else -1
    at, last = len(name) + 1, len(tag) + end
    allowed = MJML.get(name) or HTML.get(name) or frozenset()
    written: dict[str, str] = {}
    while match := _ATTRIBUTE.match(tag, at, last):
        key = match[1]
        if key not in allowed:
            return "", False, f"<{name}> has no attribute {key!r}"
        if key not in written:
            value = match[2] if match[2] is not None else match[3]
            written[key] = key if value is None else _mended_value(key, value, name)
        at = match.end()
    if tag[at:last].strip():
        return "", False, f"<{name}> has a broken attribute: {tag[at:last].strip()[:30]!r}"
    attributes = "".join(f' {key}="{value}"' for key, value in written.items())
    return f"<{name}{attributes}{' /' if end == -2 else ''}>", end == -2, ""


def _mended_value(key: str, value: str, name: str) -> str:
    if _ODD.search(value):
        value = _ODD.sub(_reference, _LINE_BREAKS.sub(" ", value))
    if "0" in value and name in MJML and _SIZED.fullmatch(key):
        value = _BARE_ZERO.sub("0px", value)
    return value


def _reference(odd: re.Match[str]) -> str:
    return f"&#{ord(odd[0])};"


def _named(tag: str) -> str:
    return f"<{tag}>" if tag else "nothing"
