"""A mail drawn section by section is the mail drawn in one, and what MRML writes into the head is accounted for."""

from __future__ import annotations

import re

import pytest
from mjml import mjml2html

from tests.support.rendering import Read, balance, for_outlook
from worker.errors import RenderError
from worker.render.mjml.allowed import MJML, PARENTS
from worker.render.mjml.convert import to_bytes, to_html
from worker.render.mjml.guard import guard
from worker.render.shared import Shared

HEAD, FOOT = "<mjml><mj-head><mj-title>t</mj-title></mj-head><mj-body>", "</mj-body></mjml>"


def section(words: str, opener: str = "<mj-section>") -> str:
    return f"{opener}<mj-column><mj-text><!--@4--><p>{words}</p></mj-text></mj-column></mj-section>"


TINTED = '<mj-section background-color="#eeeeee">'
LETTERS = [
    [section("a"), section("b")],
    [section("a"), section("b", TINTED), section("c", TINTED), section("a")],
    [section("a") + section("b"), "", section("c"), "<mj-raw><p>raw</p></mj-raw>", section("d")],
    [section("a") + section("b", TINTED), section("c"), section("d", TINTED) + section("e")],
    [f"<mj-wrapper>{section('a')}{section('b')}</mj-wrapper>", section("c")],
    [section("a").replace("<mj-column>", "<mj-column></mj-column><mj-column>"), section("b")],
]


@pytest.mark.parametrize("letter", LETTERS)
def test_parts_make_the_same_mail_as_the_whole(letter: list[str]) -> None:
    parted = to_bytes([HEAD, *letter, FOOT], "f", Shared()).decode()
    whole = to_html(HEAD + "".join(letter) + FOOT, "f")
    shown = [re.sub(r"<!--\[if mso.*?<!\[endif\]-->|\s", "", page, flags=re.DOTALL) for page in (parted, whole)]
    assert shown[0] == shown[1]
    assert balance(for_outlook(parted)) == []
    words = ["".join(Read(for_outlook(page)).text.split()) for page in (parted, whole)]
    assert words[0] == words[1]
    assert len(Read(for_outlook(parted)).every("td")) == len(Read(for_outlook(whole)).every("td"))


PLAIN = "<mj-section>"


@pytest.mark.parametrize(
    ("openers", "tables"),
    [([PLAIN, PLAIN], 1), ([PLAIN, TINTED, PLAIN], 3), ([TINTED, TINTED, PLAIN], 2), ([PLAIN], 1)],
)
def test_only_ghost_tables_of_one_form_are_joined(openers: list[str], tables: int) -> None:
    parts = [section("a", opener) for opener in openers]
    assert len(ghosts([HEAD, section("top", TINTED.replace("eee", "ddd")), *parts, FOOT])) == tables + 1


def test_a_row_goes_on_only_in_the_table_that_is_open_last() -> None:
    """Else Outlook would draw the third section on the ground of the second."""
    found = ghosts([HEAD, section("a") + section("b", TINTED), section("c"), FOOT])
    assert ["#eeeeee" in table for table in found] == [False, True, False]


def ghosts(mjml: list[str]) -> list[str]:
    """The opening tags of Outlook's tables of sections."""
    page = for_outlook(to_bytes(mjml, "f", Shared()).decode())
    return re.findall(r'<table [^>]*width="600"[^>]*>', page)


def test_each_part_begins_a_line() -> None:
    page = to_bytes([HEAD, section("a"), section("b"), FOOT], "f", Shared()).decode()
    assert [line for line in page.split("\n") if line.startswith("<!--[if mso]>") or line.startswith("<tr>")]


def test_a_known_section_is_not_drawn_again_and_is_finished_once() -> None:
    shared, finished = Shared(), list[bytes]()

    def finish(part: bytes) -> bytes:
        finished.append(part)
        return part

    first = to_bytes([HEAD, section("a"), section("b"), FOOT], "f", shared, finish)
    assert len(finished) == 1
    again = to_bytes([HEAD, section("b"), section("c"), section("b"), FOOT], "f", shared, finish)
    assert len(finished) == 2
    assert b">a<" not in finished[1]
    assert b">b<" not in finished[1]
    assert again == to_bytes([HEAD, section("b"), section("c"), section("b"), FOOT], "f", Shared())
    assert first != again


def test_only_pictures_and_columns_change_the_head() -> None:
    """The one thing of a mail that a section does not hold itself."""

    def head(inside: str) -> str:
        page = f"{HEAD}<mj-section><mj-column>{inside}</mj-column></mj-section>{FOOT}"
        return str(mjml2html(guard(page, "f").source, disable_comments=True, fonts={})).partition("<body")[0]

    plain = head("<mj-text>x</mj-text>")
    contents = PARENTS["mj-column"] - {"mj-image"}
    assert contents < set(MJML)
    for tag in contents:
        inside = '<mj-social-element name="web" href="https://a.example.com/">w</mj-social-element>'
        words = inside if tag == "mj-social" else "" if tag in ("mj-divider", "mj-spacer") else "<p>x</p>"
        assert head(f"<{tag}>{words}</{tag}>") == plain, tag
    assert head('<mj-image src="https://a.example.com/x.png" alt="x" />') != plain
    assert head("<mj-text>x</mj-text></mj-column><mj-column>") != plain


def test_an_error_in_a_section_names_the_line_of_its_author() -> None:
    bad = "<mj-section><mj-column><mj-text><!--@9--><p>more</nav></mj-text></mj-column></mj-section>"
    with pytest.raises(RenderError) as caught:
        to_bytes([HEAD, section("a"), bad, FOOT], "content/issues/x.md", Shared())
    assert caught.value.line == 9


def test_no_author_can_write_a_seam() -> None:
    with pytest.raises(RenderError, match=r"U\+007F"):
        to_bytes([HEAD, section("a\x7fb"), FOOT], "f", Shared())
