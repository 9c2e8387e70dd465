"""Footnotes: numbers by edition, jumps inside of the mail, who may read them, and what is refused."""

from __future__ import annotations

import re

import pytest

from tests.support.rendering import Read, editions
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.markdown import parse_markdown
from worker.render.walk import nodes_in, words_of

TWO = "First.[^b] Second.[^a] First again.[^b]\n\nThe end.\n\n[^a]: Note *a*.\n[^b]: Note b,\n\n    with more.\n"


def test_notes_are_numbered_in_reading_order_and_stand_at_the_end_of_the_letter() -> None:
    made = editions(TWO)[Plan.FREE]
    read = Read(made.html)
    assert "First.1 Second.2 First again.1" in read.text
    assert re.search(r"The end\..*Notes\s*1\. Note b,\s*with more\.\s*2\. Note a\.", read.text, re.DOTALL)
    assert "First. (note 1) Second. (note 2) First again. (note 1)" in made.text.replace("\u00a0", " ")
    notes = "Notes\n-----\n\n1. Note b,\n\n   with more.\n\n2. Note _a_.\n"
    assert notes in made.text
    assert made.text.index("The end.") < made.text.index(notes)


def test_a_note_is_reached_and_left_by_links_that_exist_once() -> None:
    read = Read(editions(TWO)[Plan.FREE].html)
    links = read.every("a")
    targets = [link["id"] for link in links if "id" in link]
    assert sorted(targets, key=str) == ["fn1", "fn2", "fnref1", "fnref2"]
    assert all(link["name"] == link["id"] for link in links if "id" in link)  # Word's engine knows no other target
    inside = [str(link["href"]) for link in links if str(link["href"]).startswith("#")]
    assert sorted(inside) == ["#fn1", "#fn1", "#fn2", "#fnref1", "#fnref2"]
    assert {address[1:] for address in inside} <= set(targets)


def test_a_note_is_read_where_it_is_referred_to() -> None:
    made = editions("Open.[^1]\n\n::: paid\nClosed.[^2]\n:::\n\n[^1]: Pelican\n[^2]: Ostrich\n")
    assert "Ostrich" not in made[Plan.FREE].html + made[Plan.FREE].text
    assert "Pelican" in made[Plan.FREE].html
    assert "Ostrich" in made[Plan.PAID].html
    assert "Ostrich" in made[Plan.PAID].text


def test_a_note_behind_the_paywall_goes_with_its_place_and_numbers_have_no_gap() -> None:
    made = editions("A.[^1]\n\n::: paywall\nPay.\n:::\n\nB.[^2] C.[^3]\n\n[^1]: Pelican\n[^2]: Ostrich\n[^3]: Emu\n")
    assert "Pelican" in made[Plan.FREE].text
    assert "Ostrich" not in made[Plan.FREE].html + made[Plan.FREE].text
    assert "2. Ostrich" in made[Plan.PAID].text


def test_a_note_at_once_needs_no_name() -> None:
    made = editions("A^[with **weight** and {first_name|friend}] and B.")[Plan.FREE]
    assert "1. with weight and" in Read(made.html).text
    assert re.search(r"1\. with \*weight\* and -bs..t-", made.text)


@pytest.mark.parametrize(
    ("body", "line", "problem"),
    [
        ("a\n\nb [^nope]\n", 3, "no footnote [^nope]"),
        ("a\n\n[^1]: never\n", 3, "nothing refers to the footnote [^1]"),
        ("a[^1]\n\n[^1]: x\n[^1]: y\n", 4, "a second footnote [^1]"),
        ("a[^1]\n\n[^1]: x[^2]\n\n[^2]: y\n", 3, "footnote inside a footnote"),
        ("a^[x^[y]]", 1, "footnote inside a footnote"),
        ("a [x[^1]](https://a.example.com/)\n\n[^1]: x\n", 1, "footnote inside a link"),
        ("![x[^1]](https://a.example.com/x.png)\n\n[^1]: x\n", 1, "footnote in the words of an image"),
        ("a[^1]\n\n::: paid\n[^1]: secret\n:::\n", 4, "stands in a part for one plan"),
        ("::: paid\na[^1]\n:::\n\n::: free\nx\n\n[^1]: secret\n:::\n", 8, "stands in a part for one plan"),
        ("a[^1]\n\n[^1]: x\n\n    ::: card\n    y\n    :::\n", 5, "inside a footnote"),
        ("a\n\nb ^[c ![x](https://a.example.com/x.png)]", 3, "image in the middle"),
    ],
)
def test_what_would_lose_words_or_show_them_to_others_is_refused(body: str, line: int, problem: str) -> None:
    with pytest.raises(RenderError) as caught:
        parse_markdown(body, "content/issues/x.md")
    assert problem in caught.value.problem
    assert caught.value.line == line
    assert caught.value.fix


def test_a_note_may_be_written_in_the_part_whose_readers_see_it() -> None:
    made = editions("::: paid\nClosed.[^1]\n\n[^1]: Ostrich\n:::\n")
    assert "Ostrich" in made[Plan.PAID].text
    assert "Ostrich" not in made[Plan.FREE].text


def test_brackets_in_code_and_behind_a_backslash_are_no_notes() -> None:
    assert "[^1]" in editions("`[^1]`")[Plan.FREE].text
    assert "[^1]" in editions(r"\[^1]")[Plan.FREE].text


def test_walks_come_by_the_words_of_a_note_once() -> None:
    blocks = parse_markdown("a[^1] b[^1]\n\n[^1]: Pelican [x](https://a.example.com/)\n", "x.md").blocks
    assert [words for words in words_of(blocks) if "Pelican" in words] == ["Pelican x"]
    assert [line for line, node in nodes_in(blocks) if type(node).__name__ == "Link"] == [3]
