"""Plain text worth reading on its own: the words of the HTML in their order, nothing escaped, no address broken."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.rendering import EVERY_BLOCK, PROJECT, Read, editions
from worker import sources
from worker.domain.edition import Edition
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.columns import WIDTH, width
from worker.render.placeholders import PLACEHOLDER

WORD = re.compile(r"[^\W_]+")
# What only plain text says: addresses, the numbers of links and notes, and the words around what has no words.
NOTED = re.compile(r"\[\d+\]|https?://\S+|mailto:\S+")


def words_of_text(text: str) -> list[str]:
    """The letter's words: without the list of links and without what stands for addresses."""
    body = re.sub(r"\nLinks\n-----\n.*?\n\n—\n", "\n", text, flags=re.DOTALL).replace("\u00a0", " ")
    body = re.sub(r" ?\(note (\d+)\)", r" \1 ", body)
    body = re.sub(r"\[Image: .*?\]", " ", body, flags=re.DOTALL)
    return WORD.findall(NOTED.sub(" ", PLACEHOLDER.sub(" ", body)))


class Shown(HTMLParser):
    """What a browser shows, with the numbers it puts before the items of a list."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self._lists: list[int | None] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._space(tag)
        if tag in ("ol", "ul"):
            self._lists.append(int(dict(attrs).get("start") or 1) if tag == "ol" else None)
        elif tag == "li" and (number := self._lists[-1]) is not None:
            self.text += f" {number} "
            self._lists[-1] = number + 1

    def handle_endtag(self, tag: str) -> None:
        self._space(tag)
        if tag in ("ol", "ul"):
            self._lists.pop()

    def handle_data(self, words: str) -> None:
        self.text += words

    def _space(self, tag: str) -> None:
        self.text += "" if tag in ("em", "strong", "s", "a", "code", "span") else " "


def words_of_html(html: str) -> list[str]:
    """The words a browser shows, from the masthead to the footer."""
    body = html[html.index("<body") :]
    body = body[body.index("</div>", body.index("display:none")) :]
    shown = Shown(re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)).text.replace("\u00a0", " ")
    return WORD.findall(NOTED.sub(" ", PLACEHOLDER.sub(" ", shown)))


def differences(edition: Edition) -> tuple[list[str], list[str]]:
    """The words of both, without the footer, whose links have other words in plain text."""
    html, text = words_of_html(edition.html), words_of_text(edition.text)
    return html[: _footer(html)], text[: _footer(text)]


def _footer(words: list[str]) -> int:
    """Where the publication's name comes for the last time: the footer begins with it."""
    name = ["The", "Test", "Letter"]
    return max(at for at in range(len(words)) if words[at : at + 3] == name)


def test_a_letter_with_every_block_says_the_same_in_the_same_order() -> None:
    for plan in Plan:
        html, text = differences(editions(EVERY_BLOCK)[plan])
        text = [word for word, after in pairwise([*text, ""]) if (word, after) != ("Code", "LARCH")]
        assert text == html


def test_the_sample_letter_is_told_as_it_is_shown() -> None:
    text = editions(
        sources.read_issue(PROJECT, "the-quiet-weeks-count").body.replace(
            "::: launch producer-groups", "::: launch groups"
        )
    )[Plan.PAID].text
    assert "Leave a comment: https://letter.example.com/comments" in text
    assert "1. Think of the last long wait you came through." in text
    assert "\n> I’m not off." in text
    assert "[Image: A low sun over three ridges" in text


PLAIN = st.text(alphabet="ab cdé’\"'&<>#*_`~|[]()!\\日本語、。👩🏽‍🌾שלוم-+.:1", min_size=1, max_size=40)
ADDRESS = st.builds(
    lambda path, query: f"https://a.example.com/{path}?{query}",
    st.text(alphabet="abcdefgh/-_.~", max_size=120),
    st.text(alphabet="abc=&%20", max_size=60).map(lambda query: query.replace("%", "%25")),
)


def escaped(text: str) -> str:
    """Markdown that means these characters."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split())) or "x"


@st.composite
def markdown(draw: st.DrawFn, depth: int = 2) -> str:
    kinds = ["words", "link", "heading", "quote", "list", "tasks", "table", "card", "note", "rule"]
    kind = draw(st.sampled_from(kinds if depth else ["words", "link"]))
    words = escaped(draw(PLAIN))
    match kind:
        case "words":
            return f"{words} *{escaped(draw(PLAIN))}* `{draw(st.sampled_from(['x', 'a b', '<b>']))}` {escaped(draw(PLAIN))}"
        case "link":
            return f"{words} [{escaped(draw(PLAIN))}]({draw(ADDRESS)}) <{draw(ADDRESS)}> end"
        case "heading":
            return f"{'#' * draw(st.integers(1, 6))} {words}"
        case "quote":
            return "\n".join(f"> {line}" for line in draw(markdown(depth=depth - 1)).split("\n"))
        case "list":
            items = draw(st.lists(markdown(depth=depth - 1), min_size=1, max_size=3))
            mark = draw(st.sampled_from(["- ", "7. "]))
            return "\n".join(mark + item.replace("\n", "\n" + " " * len(mark)) for item in items)
        case "tasks":
            return f"- [ ] {words}\n- [x] {escaped(draw(PLAIN))}"
        case "table":
            return f"| {words} | b |\n|---|--:|\n| {escaped(draw(PLAIN))} | {escaped(draw(PLAIN))} |"
        case "card":
            return draw(ADDRESS)
        case "note":
            return f"{words}^[{escaped(draw(PLAIN))} [x]({draw(ADDRESS)})]"
        case _:
            return "* * *"


LETTERS = st.lists(markdown(), min_size=1, max_size=4).map("\n\n".join)
SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@SLOW
@given(LETTERS)
def test_plain_text_holds_whatever_an_author_writes(body: str) -> None:
    try:
        made = editions(body)[Plan.FREE]
    except RenderError as wrong:
        assert wrong.line  # noqa: PT017
        return
    whole = [line.strip() for line in body.split("\n")]
    for line in made.text.split("\n"):
        content = re.sub(r"^(?:[> ]|\d+\. |• |☐ |☑ )*", "", line)
        if width(line) > WIDTH:  # a word or an address by itself, beside what numbers it
            assert " " not in re.sub(r"^\[\d+\] ", "", content).strip(), (line, whole)
    # Every address arrives in one piece.
    for address in re.findall(r"https://a\.example\.com/[^\s()<>]*", body):
        assert re.search(re.escape(address) + r"(?=\s|$|\)|\])", made.text), address
    # Nothing is escaped: what looks like a reference was typed as one.
    assert made.text.count("&amp;") == body.replace("\\", "").count("&amp;")
    assert made.text.count("&lt;") == body.replace("\\", "").count("&lt;")


@SLOW
@given(st.lists(markdown().filter(lambda block: "| b |" not in block), min_size=1, max_size=4).map("\n\n".join))
def test_both_parts_say_the_same_words_in_the_same_order(body: str) -> None:
    try:
        made = editions(body)[Plan.FREE]
    except RenderError:
        return
    html, text = differences(made)
    assert "".join(text) == "".join(html)  # joined, for a line may break between ideographs


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("a  \nb", "a\nb"),
        ("> a\n>\n> > b", "> a\n>\n> > b"),
        ("1. a\n\n   b\n2. c", "1. a\n\n   b\n\n2. c"),
        ("- a\n  - b\n    - c\n- d", "• a\n  • b\n    • c\n• d"),
        ("9. a\n10. b", "9. a\n10. b"),
        ("~~old~~ **new** *so*", "~old~ *new* _so_"),
        ("```\nx  y\n\n  z\n```", "    x  y\n\n      z"),
        ("***", "* * *"),
        ("R&D <3 &copy; \\*", "R&D <3 © *"),
        ("<ada@example.com>", "ada@example.com"),
        ("[](https://a.example.com/x)", "https://a.example.com/x"),
        ("![A hill](https://a.example.com/x.png)\nThe hill.", "[Image: A hill]\nThe hill."),
        ("| A | B |\n|---|--:|\n| long | 1 |", "A     B\n----  -\nlong  1"),
    ],
)
def test_a_letter_reads_like_this(body: str, text: str) -> None:
    made = editions(body)[Plan.FREE].text
    letter = made[made.index("======\n") + 7 : made.index("\n\n—\n")].strip("\n")
    assert letter == text


def test_each_kind_of_message_has_its_own_masthead() -> None:
    heads = {
        message: editions("Hello.", message=message)[Plan.PAID].text.split("\n")[0:3]
        for message in ("issue", "step", "notice")
    }
    assert heads["issue"][:2] == ["The Test Letter", "23 November 2026 · Ada Example · for paying readers"]
    assert heads["step"][:1] == ["The Test Letter"]
    assert heads["notice"][:2] == ["A test", "======"]
    assert Read(editions("Hello.")[Plan.PAID].html).text.count("for paying readers") == 1
