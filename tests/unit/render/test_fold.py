"""Lines of mail: none over 998 bytes, and nothing that a reader sees changes by a break."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rendering import Read, editions
from worker.domain.subscriber import Plan
from worker.render.mjml import fold as folding
from worker.render.mjml.fold import LONGEST


def fold(html: str) -> str:
    return folding.fold(html.encode()).decode()


def longest(html: str) -> int:
    return max(len(line.encode()) for line in html.split("\n"))


def shown(html: str) -> str:
    return re.sub(r"\s+", " ", Read(html).text)


@pytest.mark.parametrize(
    "html",
    [
        "<p>" + "a few words " * 400 + "</p>",
        "<p>" + "x" * 5_000 + "</p>",
        "<p>" + "日本語" * 1_000 + "</p>",
        "<p>" + "&amp;" * 1_000 + "</p>",
        "<p>" + "-bs00h-" * 500 + "</p>",
        "<p>" + "👩🏽‍🌾" * 300 + "</p>",
        "<table><tr>" + '<td class="a" style="padding:0 1px">x</td>' * 200 + "</tr></table>",
        "<!--[if mso]><table><tr><td><![endif]-->" * 100 + "x" + "<!--[if mso]></td></tr></table><![endif]-->" * 100,
        "<pre>" + "a  line   of code&#10;" * 300 + "</pre>",
        "<pre>&#10;" + "y" * 3_000 + "</pre>",
        f'<a class="{"c " * 200}" href="https://a.example.com/{"p" * 300}" style="{"color:red;" * 40}">words</a>',
    ],
)
def test_no_line_is_over_998_bytes_and_nothing_shown_changes(html: str) -> None:
    folded = fold(html)
    assert longest(folded) <= LONGEST
    assert shown(folded) == shown(html)
    assert Read(folded).tags == Read(html).tags  # names, attributes and their values


def test_no_reference_merge_tag_or_family_is_cut() -> None:
    for whole in ("&#8205;", "-bs00h-", "👩🏽‍🌾"):
        assert fold(f"<p>{whole * 400}</p>").count(whole) == 400


def test_an_address_stays_whole_however_long_it_is() -> None:
    address = f"https://a.example.com/{'p' * 1_500}"
    assert f'"{address}"' in fold(f'<p>{"word " * 300}<a class="link" href="{address}">words</a></p>')


def test_blanks_and_lines_of_code_are_kept() -> None:
    code = "def f(x):\n    y = 1\n\n    return  y\n" * 40
    html = editions(f"```\n{code}```")[Plan.FREE].html
    pre = re.search(r"<pre[^>]*>(.*?)</pre>", html, re.DOTALL)
    assert pre is not None
    assert Read(pre[1]).text == code.rstrip("\n")
    assert longest(html) <= LONGEST


@given(
    st.lists(
        st.sampled_from(["word ", "x" * 600, "é", " ", "<b>", "</b>", "&lt;", "-bs01h-", "\n", "<br>"]), max_size=60
    )
)
@settings(max_examples=150, deadline=None)
def test_any_mixture_keeps_its_words(parts: list[str]) -> None:
    html = f"<div>{''.join(parts)}</div>"
    assert longest(fold(html)) <= LONGEST
    assert shown(fold(html)) == shown(html)


def test_a_word_without_end_takes_no_longer_than_its_length() -> None:
    """Twice the length, about twice the work: what begins anew at each letter takes minutes for 60,000."""
    assert len(fold(f"<body><p>{'&#34;' * 200_000}</p>")) > 1_000_000


def test_marks_without_end_on_one_letter_are_cut_too() -> None:
    for mark in ("\u200d", "\u0301", "\ufe0f"):
        assert longest(fold(f"<body><p>a{mark * 12_000}</p>")) <= LONGEST
