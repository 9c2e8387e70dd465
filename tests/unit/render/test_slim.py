"""Slimming: fewer bytes, and in Outlook's eyes and in everybody else's the same boxes."""

from __future__ import annotations

import re

import pytest
from mjml import mjml2html

from tests.support.rendering import Read
from worker.render.mjml import slim as slimming

PLAIN, TINTED = "<mj-section>", '<mj-section background-color="#eeeeee">'


def slim(html: str) -> str:
    return slimming.slim(html.encode()).decode()


def _page(*openers: str) -> str:
    body = "".join(
        f"{opener}<mj-column><mj-text>{at}</mj-text></mj-column></mj-section>" for at, opener in enumerate(openers)
    )
    return str(mjml2html(f"<mjml><mj-body>{body}</mj-body></mjml>", disable_comments=True, fonts={}))


def for_outlook(html: str) -> str:
    """What Outlook reads: everything in conditional comments is markup to it."""
    return re.sub(r"<!--\[if mso[^\]]*\]>|<!\[endif\]-->", "", html)


def balance(html: str) -> list[str]:
    open_: list[str] = []
    for closing, tag in re.findall(r"<(/?)(table|tbody|tr|td|div)\b", html):
        if closing:
            assert open_.pop() == tag
        else:
            open_.append(tag)
    return open_


def test_what_others_than_outlook_read_is_untouched() -> None:
    html = _page(PLAIN, TINTED, PLAIN, PLAIN)
    seen = [re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL) for page in (html, slim(html))]
    assert seen[0] == seen[1]


def test_what_outlook_reads_isbalanced_and_holds_the_same_words_and_cells() -> None:
    html = _page(PLAIN, PLAIN, TINTED, PLAIN, TINTED, TINTED)
    before, after = for_outlook(html), for_outlook(slim(html))
    assert balance(before) == balance(after) == []
    assert len(after) < len(before)
    assert Read(before).text == Read(after).text
    assert len(Read(before).every("td")) == len(Read(after).every("td"))


@pytest.mark.parametrize(
    ("sections", "tables"),
    [((PLAIN, PLAIN), 1), ((PLAIN, TINTED, PLAIN), 3), ((TINTED, TINTED, PLAIN), 2), ((PLAIN,), 1)],
)
def test_only_ghost_tables_of_one_form_are_joined(sections: tuple[str, ...], tables: int) -> None:
    ghosts = re.findall(r'<table [^>]*width="600"[^>]*>', slim(_page(*sections)))
    assert len(ghosts) == tables


def test_raw_html_between_two_sections_keeps_their_tables_apart() -> None:
    html = str(
        mjml2html(
            "<mjml><mj-body><mj-section><mj-column><mj-text>a</mj-text></mj-column></mj-section><mj-raw><p>b</p></mj-raw>"
            "<mj-section><mj-column><mj-text>c</mj-text></mj-column></mj-section></mj-body></mjml>"
        )
    )
    assert balance(for_outlook(slim(html))) == []
    assert for_outlook(slim(html)).count('width="600"') == for_outlook(html).count('width="600"')
