"""Slimming: fewer bytes, and in Outlook's eyes and in everybody else's the same."""

from __future__ import annotations

import re

from mjml import mjml2html

from tests.support.rendering import balance, for_outlook
from worker.render.mjml import slim as slimming

PLAIN, TINTED = "<mj-section>", '<mj-section background-color="#eeeeee">'


def slim(html: str) -> str:
    return slimming.slim(html.encode()).decode()


def _page(*openers: str) -> str:
    body = "".join(
        f"{opener}<mj-column><mj-text>{at}</mj-text></mj-column></mj-section>" for at, opener in enumerate(openers)
    )
    return str(mjml2html(f"<mjml><mj-body>{body}</mj-body></mjml>", disable_comments=True, fonts={}))


def test_what_others_than_outlook_read_is_untouched() -> None:
    html = _page(PLAIN, TINTED, PLAIN, PLAIN)
    seen = [re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL) for page in (html, slim(html))]
    assert seen[0] == seen[1]


def test_what_outlook_reads_is_untouched_too_and_balanced() -> None:
    html = _page(PLAIN, PLAIN, TINTED, PLAIN, TINTED, TINTED)
    assert for_outlook(slim(html)) == for_outlook(html)
    assert balance(for_outlook(html)) == []
    assert len(slim(html)) < len(html)


def test_raw_html_between_two_sections_keeps_their_tables_apart() -> None:
    html = str(
        mjml2html(
            "<mjml><mj-body><mj-section><mj-column><mj-text>a</mj-text></mj-column></mj-section><mj-raw><p>b</p></mj-raw>"
            "<mj-section><mj-column><mj-text>c</mj-text></mj-column></mj-section></mj-body></mjml>"
        )
    )
    assert balance(for_outlook(slim(html))) == []
    assert for_outlook(slim(html)).count('width="600"') == for_outlook(html).count('width="600"')
