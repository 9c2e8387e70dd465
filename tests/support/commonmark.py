"""The examples of the CommonMark specification, and what our mail makes of them beside what the specification expects.

They come from an npm package that ships them (tests/support/mail_tools) and are kept beside it once they have been read,
so that tests without Node find them too.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import cache
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

from tests.support.mail_tools import INSTALLED, run_node
from tests.support.rendering import make_facts, make_issue, make_publication, templates
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.edition import render_editions

KEPT = INSTALLED / "commonmark.json"

TYPED = "raw HTML is shown as it was typed, and its quotes and blanks mean nothing there"
NOTHING = "what shows nothing is left out: an empty heading has no place in the outline, an empty quote is a bar"
WORDS = "a link without words shows its address, and is an error of the preflight"

#: Where our mail differs from the specification on purpose, by example number, and why.
INTENDED = {
    **dict.fromkeys((21, 31, 201, 344, 475, 476, 477, 491, 494, 524, 536, 642, 643), TYPED),
    **dict.fromkeys((79, 218, 239, 240), NOTHING),
    **dict.fromkeys((484, 487), WORDS),
    611: "an address on a line of its own is a card",
}
#: Sections that are about raw HTML: their examples differ for the first reason.
RAW_HTML = ("HTML blocks", "Raw HTML")

#: Which examples are refused, by number, and a part of the refusal.
REFUSED = {579: "in the middle of a line", **dict.fromkeys((596, 598, 599, 601), "may not begin with")}


@dataclass(frozen=True)
class Example:
    """One example: its number, its section, the Markdown and the HTML the specification expects."""

    number: int
    section: str
    markdown: str
    html: str

    def __str__(self) -> str:
        return f"{self.number} {self.section}"


@cache
def examples() -> tuple[Example, ...]:
    """Every example. Raises ToolMissing where they were never fetched and cannot be."""
    if not KEPT.exists():
        made = KEPT.with_suffix(f".{os.getpid()}")  # another process may be reading
        made.write_text(json.dumps(run_node("commonmark.cjs", None)), encoding="utf-8")
        made.replace(KEPT)
    return tuple(Example(**one) for one in json.loads(KEPT.read_text(encoding="utf-8")))


def letter_of(markdown: str) -> str:
    """The words of a letter alone, as finished HTML: without masthead, footer and preheader. Raises RenderError."""
    made = render_editions(make_issue(markdown), make_publication(), templates(), make_facts(), "specimen")
    html = made[Plan.FREE].html
    body = html[html.index("<body") :]
    return body[body.index("</div>", body.index("display:none")) :]


class Skeleton(HTMLParser):
    """What a page says and how it is built, without what looks are made of: a list of words and marks.

    Headings are `<h>` of any level, a paragraph is no mark, and white space is a blank wherever a browser shows one.
    """

    _BLOCKS = ("p", "div", "table", "tr", "td", "tbody", "pre", "hr")
    _MARKED = ("ul", "ol", "li", "blockquote", "em", "strong", "pre", "code")

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._words = ""
        self._pre = False
        self._rule = False
        self.feed(html)
        self.close()
        self._end_words()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "p" and given.get("role") == "separator":
            self._rule = True
        if tag == "hr" or self._rule:
            self._mark("<hr>")
        elif tag == "a":
            self._mark(f"<a {unquote(given.get('href') or '')}>")
        elif tag == "img":
            self._mark(f"<img {unquote(given.get('src') or '')} {given.get('alt')}>")
        elif tag == "br":
            self._mark("<br>")
        elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._mark("<h>")
        elif tag == "ol" and given.get("start", "1") != "1":
            self._mark(f"<ol {given['start']}>")
        elif tag in self._MARKED and not (tag == "code" and self._pre):
            self._mark(f"<{tag}>")
        elif tag in self._BLOCKS:
            self._words += " "
        self._pre = self._pre or tag == "pre"

    def handle_endtag(self, tag: str) -> None:
        if self._rule:
            self._rule = tag != "p"
            return
        if tag == "pre":
            self.found.append(self._words.rstrip("\n"))
            self._words, self._pre = "", False
        if tag in (*self._MARKED, "a") and not (tag == "code" and self._pre):
            self._mark(f"</{tag}>")
        elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._mark("</h>")
        elif tag in self._BLOCKS:
            self._words += " "

    def handle_data(self, words: str) -> None:
        if not self._rule:
            self._words += words

    def _mark(self, mark: str) -> None:
        self._end_words()
        self.found.append(mark)

    def _end_words(self) -> None:
        if words := " ".join(self._words.split()):
            self.found.append(words)
        self._words = ""


_UNSEEN = re.compile(r"<!--.*?-->|^```.*?$", re.DOTALL | re.MULTILINE)  # remarks, and what language code is in
_WORD = re.compile(r"[^\W_]+")


def differences() -> list[str]:
    """What is not as the specification, INTENDED or REFUSED say, one sentence each; rendering holds the leak check."""
    found, seen = [], set()
    for example in examples():
        try:
            said = Skeleton(letter_of(example.markdown)).found
        except RenderError as wrong:
            seen.add(example.number)
            if REFUSED.get(example.number, "nothing") not in wrong.problem or not wrong.line or not wrong.fix:
                found.append(f"{example}: refused: {wrong}")
            continue
        expected = Skeleton(example.html).found
        if example.section in RAW_HTML:
            lost = [
                word
                for word in _WORD.findall(unescape(_UNSEEN.sub("", example.markdown)))
                if word not in " ".join(said)
            ]
            found += [f"{example}: lost {lost}"] if lost else []
        elif said != expected:
            seen.add(example.number)
            found += [] if example.number in INTENDED else [f"{example}: {said} instead of {expected}"]
    return found + [f"{number} is no exception any more" for number in sorted({*INTENDED, *REFUSED} - seen)]
