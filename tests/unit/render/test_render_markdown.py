"""Parsing: blocks with their lines, merge tags, and what is refused."""

from __future__ import annotations

import time

import pytest

from tests.support.rendering import Read, editions
from worker.domain.edition import MergeName
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.blocks import Container, Figure, Heading, Link, Listing, Merge, Paragraph, Text
from worker.render.markdown import parse_markdown


def parse(body: str, first_line: int = 1) -> tuple[object, ...]:
    return parse_markdown(body, "content/issues/x.md", first_line).blocks


def test_every_block_knows_its_line_in_the_file() -> None:
    blocks = parse("# One\n\nTwo\nmore\n\n- three\n\n::: card\nfour\n:::\n", first_line=9)
    assert [block.line for block in blocks] == [9, 11, 14, 16]
    assert blocks[3].blocks[0].line == 17


def test_a_soft_break_is_a_blank() -> None:
    (paragraph,) = parse("**bold**\n*it*")
    assert Text(" ") in paragraph.children
    assert "bold it" in Read(editions("**bold**\n*it*")[Plan.FREE].html).text


def test_windows_line_ends_change_nothing() -> None:
    assert parse("a\r\n\r\n::: card\r\nb\r\n:::\r\n") == parse("a\n\n::: card\nb\n:::\n")


def test_a_heading_of_the_first_level_gives_way_to_the_title() -> None:
    assert parse("# One")[0] == Heading(1, 1, (Text("One"),))
    assert "<h2" in editions("# One")[Plan.FREE].html


def test_containers_nest_without_counting_colons() -> None:
    (outer,) = parse("::: paid\n::: card https://a.example.com/\nx\n:::\n:::\n")
    assert isinstance(outer, Container)
    assert (outer.blocks[0].name, outer.blocks[0].args) == ("card", "https://a.example.com/")


def test_colons_in_code_close_nothing() -> None:
    (card,) = parse("::: card\n```\n:::\n```\nstill here\n:::\n")
    assert isinstance(card.blocks[1], Paragraph)


def test_an_image_on_its_own_is_a_figure_and_what_follows_its_caption() -> None:
    (figure,) = parse("![what](https://a.example.com/x.png)\nThe *caption*")
    assert isinstance(figure, Figure)
    assert figure.caption[0] == Text("The ")
    (linked,) = parse("[![what](https://a.example.com/x.png)](https://a.example.com/)")
    assert linked.link == ("https://a.example.com/",)


def test_merge_tags_are_read_in_text_links_and_words_of_images() -> None:
    (paragraph,) = parse(
        "Hi {first_name|my *dear*}, [x]({referral_link}) [y](https://a.example.com/?n={referral_count})"
    )
    assert Merge(MergeName.FIRST_NAME, "my *dear*") in paragraph.children
    links = [node for node in paragraph.children if isinstance(node, Link)]
    assert links[0].target == (Merge(MergeName.REFERRAL_LINK),)
    assert links[1].target == ("https://a.example.com/?n=", Merge(MergeName.REFERRAL_COUNT))
    (figure,) = parse("![for {first_name|you}](https://a.example.com/x.png)")
    assert figure.picture.alt == ("for ", Merge(MergeName.FIRST_NAME, "you"))


@pytest.mark.parametrize(
    "text", ["{{first_name}}", r"\{first_name}", "{ first_name }", "{}", "{1}", "`{first_name}`", "{a b}"]
)
def test_braces_of_another_form_stay_text(text: str) -> None:
    (paragraph,) = parse(text)
    assert not any(isinstance(node, Merge) for node in paragraph.children)


def test_an_unknown_merge_tag_names_its_line_and_the_list() -> None:
    with pytest.raises(RenderError) as caught:
        parse("one\ntwo {frist_name|x}", first_line=10)
    assert caught.value.line == 11
    assert "{first_name}" in caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "-bs00h-",
        "-bs0**0h-**",
        "&#45;bs00h-",
        r"\-bs00h-",
        "`-bs12t-`",
        "    -bs00u-",
        "[x](https://a.example.com/-bs00h-)",
        "![-bs00h-](https://a.example.com/x.png)",
        "-bs00h{first_name|x}",
        "{first_name|x}bs01h{first_name|x}",
        "::: card\n-bs00h-\n:::",
        "::: journal -bs00h-\nx\n:::",
    ],
)
def test_text_that_looks_like_a_placeholder_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(RenderError, match="placeholder") as caught:
        parse(f"fine\n\n{text}\n")
    assert caught.value.line in (3, 4)


@pytest.mark.parametrize("field", ["title", "subject", "preview", "comments"])
def test_a_placeholder_in_the_front_matter_is_refused(field: str) -> None:
    value: object = "see -bs00t- there"
    if field in ("subject", "preview"):
        value = dict.fromkeys(Plan, value)
    with pytest.raises(RenderError, match="placeholder"):
        editions("x", **{field: value})


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:x",
        "java&#x0a;script:x",
        "java%0ascript:x",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc",
    ],
)
def test_a_link_that_runs_something_is_refused_with_its_line(address: str) -> None:
    for body in (f"a\n\n[x]({address})", f"a\n\n[x][r]\n\n[r]: {address}", f"a\n\n![x]({address})"):
        with pytest.raises(RenderError, match="may not begin") as caught:
            parse(body)
        assert caught.value.line == 3


def test_html_is_text() -> None:
    html = editions("<script>alert(1)</script> <b>x</b>")[Plan.FREE].html
    assert "<script>" not in html
    assert "<b>x</b>" not in html
    assert "<b>x</b>" in editions("<b>x</b>")[Plan.FREE].text


@pytest.mark.parametrize(
    ("body", "line", "problem"),
    [
        ("a\n\n::: nope\nx\n:::", 3, "no block called 'nope'"),
        ("a\n\n::: card\nx\n", 3, "never closed"),
        ("::: card\n\n::: paid\nx\n:::\n", 1, "never closed"),
        ("a\n\n:::\n", 3, "closes nothing"),
        ("- a\n\n  ::: card\n  x\n  :::\n", 3, "inside a list"),
        ("> ::: paid\n> x\n> :::\n", 1, "inside a quote"),
        ("::: card\n::: goal :::\n:::", 2, "inside `::: card`"),
        ("::: button :::", 1, "needs https"),
        ("::: launch :::", 1, "needs launch-id"),
        ("::: discount :::", 1, "needs CODE"),
        ("::: photo\nno image\n:::", 1, "holds no image"),
        ("words ![x](https://a.example.com/x.png) words", 1, "image in the middle"),
        ("a\x00b", 1, "U+0000"),
        ("a\n\nb\x92", 3, "U+0092"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line_and_a_fix(body: str, line: int, problem: str) -> None:
    with pytest.raises(RenderError, match=r"x\.md") as caught:
        parse(body)
    assert problem in caught.value.problem
    assert caught.value.line == line
    assert caught.value.fix


@pytest.mark.parametrize(
    "body",
    [
        "*" * 30_000 + "a" + "*" * 30_000,
        "**a *b " * 8_000,
        ">" * 5_000 + "a",
        "- " * 400 + "a",
        "[" * 2_000 + "a" + "]()" * 2_000,
    ],
)
def test_hostile_nesting_names_a_line_instead_of_ending_the_process(body: str) -> None:
    began = time.monotonic()
    try:
        made = editions(f"fine\n\n{body}\n")
    except RenderError as wrong:
        assert wrong.line == 3  # noqa: PT017
    else:
        assert made[Plan.FREE].html
    assert time.monotonic() - began < 60


def test_sixty_kilobytes_of_stars_are_refused_with_their_line() -> None:
    with pytest.raises(RenderError, match="nested more than 12 deep") as caught:
        parse("fine\n\n" + "*" * 30_000 + "a" + "*" * 30_000)
    assert caught.value.line == 3


def test_a_tight_list_and_a_loose_one_are_told_apart() -> None:
    tight, loose = parse("- a\n- b\n"), parse("- a\n\n- b\n")
    assert isinstance(tight[0], Listing)
    assert tight[0].tight
    assert not loose[0].tight
