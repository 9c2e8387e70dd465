"""The guard: one pass over MJML that takes from MRML 6.0.1 every chance to garble, panic or crash.

What it mends: characters MRML would print as `\\u{200d}` or `\\n` in attributes; unitless zeros; repeated attributes;
line breaks between inline tags and in <pre>, which MRML drops; bare `>`, on which it panics after a letter beyond
ASCII. What it refuses: tags and attributes that are not on the list, tags that do not match, nesting beyond 100
(MRML's process ends at about 10,000). `<!--@12-->` marks that what follows was made from line 12 of the
author's file; such marks and comments are dropped, so no comment can land between Outlook's ghost tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from worker.errors import RenderError
from worker.render.mjml.allowed import HTML, INLINE, MJML, PARENTS, VOID, WORDED

DEEPEST = 100
#: Written between the parts of a mail. The guard lets no such character through, so nothing else can be one.
SEAM = "\x7f"

_TAG = re.compile(  # or a comment; what stands between two is text
    r"""(<(?: /?+[a-z][a-z0-9-]*+(?:[^<>"']++|"[^"]*+"|'[^']*+')*+> | !--.*?--> ))""", re.VERBOSE | re.DOTALL
)
_MARK = re.compile(r"<!--@(\d+)-->")
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_ATTRIBUTE = re.compile(r"""\s*+([a-zA-Z_][\w:.-]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'))?+""")
_LINE_BREAKS = re.compile(r"[ \t]*[\r\n][\s]*")
_ODD = re.compile(r"[^ !#-;=?-\[\]-~]")  # all but printable ASCII without " < > and backslash
_EMOJI = re.compile("[\U00010000-\U0010ffff]")
_BARE_ZERO = re.compile(r"(?<![\w.#-])0(?![\w.%])")
_PRINTABLE = re.compile(r"[ -~\n\r\t\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*+")
_ODD_WORDS = frozenset({"mj-style", "mj-title"})
_IN_BODY = ["", "mjml", "mj-body"]
_SIZED = re.compile(r"padding(-\w+)?|inner-padding|width|height|border(-\w+)?")


@dataclass(slots=True)
class Guarded:
    """MJML that MRML renders as it was meant. `marks` are pairs of an index into `parts` and an author's line.

    `in_body` tells whether all that was given in parts is parted directly in <mj-body>, and so at a SEAM.
    """

    parts: list[str] = field(default_factory=list)
    marks: list[tuple[int, int]] = field(default_factory=list)
    in_body: bool = True

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


def guard(mjml: str | Sequence[str], file: str) -> Guarded:
    """The MJML made safe. RenderError names `file` and, where a mark tells it, the author's line.

    In parts: what stands before the sections, each section, what stands after them. A SEAM is written between them.
    """
    return _Guard(file).run([mjml] if isinstance(mjml, str) else mjml)


class _Guard:
    """The state of one pass: which tags are open, and which line of the author's file it is at."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._line: int | None = None
        self._open: list[str] = [""]
        self._words = ""  # the MJML tag whose words we are in, if any

    def run(self, parts: Sequence[str]) -> Guarded:
        """Part by part."""
        made = Guarded()
        for number, part in enumerate(parts):
            if number:
                made.in_body = made.in_body and self._open == _IN_BODY
                if made.in_body:
                    made.parts.append(f"<mj-raw>{SEAM}</mj-raw>")
            self._part(part if number else part.lstrip("\ufeff \r\n\t"), made)
        if len(self._open) > 1:
            raise self._wrong(f"<{self._open[-1]}> is never closed", "close it in the template")
        return made

    def _part(self, mjml: str, made: Guarded) -> None:
        """One loop over all tags, written out: a letter has five hundred, and each call would cost more than its work."""
        if (end := _printable_until(mjml)) < len(mjml):
            raise self._wrong(f"the character U+{ord(mjml[end]):04X} cannot be printed", "delete it")
        add, opened = made.parts.append, self._open
        words = self._words
        plain = words != "" and words not in _ODD_WORDS  # ordinary words
        name = ""  # of the tag just passed
        pieces = _TAG.split(mjml)
        pieces.append("")  # in turns text and a tag
        for text, tag in zip(pieces[::2], pieces[1::2], strict=True):
            if text:
                if "<" in text:
                    bare = text[text.index("<") :] + tag
                    raise self._wrong(f"a bare `<` or a tag that does not end: {bare[:30]!r}", "write &lt;")
                if not words and text.isspace():
                    text = "\n"
                elif not plain:
                    text = self._odd_text(text, words)
                elif text[0] in "\r\n" and text.isspace():
                    text = " " if name in INLINE else "\n"
                else:
                    if ">" in text or "\\" in text:
                        text = text.replace(">", "&gt;").replace("\\", "&#92;")
                    if not text.isascii():
                        text = _EMOJI.sub(_reference, text)
                add(text)
            if not tag:
                break
            if tag[1] == "/":
                name = tag[2:-1]
                if (last := opened.pop()) != name and last != (name := _named_in(tag)):
                    raise self._wrong(f"</{name}> closes {_named(last)}", "close tags in the order they opened")
                if name == words:
                    words, plain = "", False
                elif name == "pre":
                    plain = "pre" not in opened
                add(tag)
            elif tag[1] == "!":
                add(self._comment(tag, made))
            else:
                name, tag, alone, problem, fix = _opening(tag, opened[-1], words != "")
                if problem:
                    raise self._wrong(problem, fix)
                add(tag)
                if alone:
                    continue
                opened.append(name)
                if len(opened) > DEEPEST + 1:
                    fix = "use fewer quotes, lists or emphasis there"
                    raise self._wrong(f"tags are nested more than {DEEPEST} deep", fix)
                if name in WORDED:
                    words, plain = name, name not in _ODD_WORDS
                elif name == "pre":
                    plain = False
        self._words = words

    def _odd_text(self, text: str, words: str) -> str:
        """Text where there should be none, in a style sheet, in the title, or in <pre>."""
        if not words:
            place = _named(self._open[-1]) if self._open[-1] else "the file"
            raise self._wrong(f"text directly in {place}: {text.strip()[:30]!r}", "put it into an <mj-text>")
        if words == "mj-style":
            if not text.isascii() or "\\" in text:
                raise self._wrong("a character outside ASCII, or a backslash, in <mj-style>", "write it in ASCII")
            return text
        if words == "mj-title":
            return _ODD.sub(_reference, text)
        return text.replace("\r\n", "\n").replace("\n", "&#10;").replace(">", "&gt;").replace("\\", "&#92;")

    def _comment(self, comment: str, made: Guarded) -> str:
        if mark := _MARK.fullmatch(comment):
            self._line = int(mark[1]) or None
            made.marks.append((len(made.parts), int(mark[1])))
            return ""
        if not comment.startswith(("<!--[if", "<!--<![endif]")):
            return ""
        if not comment.isascii() or "\\" in comment:
            raise self._wrong("a character outside ASCII in a conditional comment", "write it in ASCII")
        return comment

    def _wrong(self, what: str, fix: str) -> RenderError:
        return RenderError(what, file=self._file, line=self._line, fix=fix)


@lru_cache(maxsize=8192)  # a mail repeats a few dozen opening tags some hundred times
def _opening(tag: str, holder: str, worded: bool) -> tuple[str, str, bool, str, str]:
    """An opening tag in its place: its name, how it is written on, whether nothing can stand in it, a problem, the fix."""
    name = _named_in(tag)
    if (worded and name not in HTML) or (name not in MJML and not worded):
        return name, "", False, f"<{name}> has no place in {_named(holder)}", "use another tag in the template"
    if not worded and name not in PARENTS.get(holder, ()):
        return name, "", False, f"<{name}> may not stand in {_named(holder)}", "change the template"
    if holder in ("mj-title", "mj-style"):
        return name, "", False, f"<{name}> in <{holder}>", "write text only"
    made, alone, problem = _mended(tag, name)
    return name, made, alone or name in VOID, problem, "correct it in the template"


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


def _printable_until(text: str) -> int:
    found = _PRINTABLE.match(text)
    return found.end() if found else 0


def _named_in(tag: str) -> str:
    """The name of a tag that opens or closes."""
    return str(_NAME.findall(tag)[0])


def _named(tag: str) -> str:
    return f"<{tag}>" if tag else "nothing"
