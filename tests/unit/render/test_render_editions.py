"""Finished editions: golden files, the rules of mail HTML, placeholders and plain text."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.rendering import (
    EVERY_BLOCK,
    NOW,
    PROJECT,
    VALUES,
    Read,
    editions,
    filled,
    make_facts,
    make_issue,
    make_launch,
    make_publication,
    templates,
)
from worker import sources
from worker.domain.edition import Edition, MergeName, Place
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.edition import Facts, render_editions
from worker.render.layout import Templates
from worker.render.placeholders import PLACEHOLDER
from worker.render.registry import KINDS
from worker.render.text import WIDTH, wrap

GOLDEN = Path(__file__).parent / "golden"


def sample() -> dict[Plan, Edition]:
    """The sample issue in content/, as the demo sends it."""
    launches = {"producer-groups": make_launch(id="producer-groups")}
    facts = Facts(4213, NOW, "https://letters.example.com", launches, sources.read_picture_sizes(PROJECT))
    issue = sources.read_issue(PROJECT, "the-quiet-weeks-count")
    return render_editions(issue, sources.read_publication(PROJECT), templates(), facts)


@pytest.fixture(params=["every-block-free", "every-block-paid", "sample-free", "sample-paid"])
def case(request: pytest.FixtureRequest) -> tuple[str, Edition]:
    name = str(request.param)
    made = sample() if name.startswith("sample") else editions(EVERY_BLOCK)
    return name, made[Plan(name.rpartition("-")[2])]


def test_editions_are_what_the_golden_files_say(case: tuple[str, Edition]) -> None:
    """UPDATE_GOLDEN=1 writes them anew; look at the difference before you commit it."""
    name, edition = case
    html = re.sub(r"(?<=>)(?=<)", "\n", edition.html)  # one tag a line, so that differences can be read
    for suffix, made in ((".html", html), (".txt", edition.text)):
        path = GOLDEN / f"{name}{suffix}"
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(made, encoding="utf-8", newline="\n")
        assert path.read_text(encoding="utf-8") == made


def test_every_block_is_in_the_golden_letter() -> None:
    written = set(re.findall(r"^::: (\w+)", EVERY_BLOCK, re.MULTILINE))
    assert written == set(KINDS) - {"paid", "free", "paywall"}


def test_html_keeps_the_rules_of_mail(case: tuple[str, Edition]) -> None:
    edition = case[1]
    html = edition.html
    read = Read(html)
    root, article = read.every("html")[0], next(d for d in read.every("div") if d.get("role") == "article")
    assert (root["lang"], root["dir"], article["lang"], article["dir"]) == ("en", "ltr", "en", "ltr")  # R08, R09
    assert re.search(r"<title>[^<]+</title>", html)  # R10
    for image in read.every("img"):
        assert image["alt"] is not None  # R11
        assert 0 < int(str(image["width"])) <= 600  # R12
        assert str(image["src"]).startswith("https://")  # R13
    for table, inner in re.findall(r"<table([^>]*)>(.*?)(?=<table|</table>)", html, re.DOTALL):
        assert 'role="presentation"' in table or "<th" in inner  # R14
    for link in read.every("a"):
        assert re.match(r"https://|mailto:", str(link["href"]))  # R15
    assert not re.search(r"<(script|iframe|form|object|video)\b|\son\w+=", html)  # R17
    assert "&apos;" not in html  # R19
    assert not re.search(r"\{\{|\{%", html)  # R20
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", html + edition.text)  # R21
    assert max(html) > "\xff"  # R22
    assert max(edition.text) > "\xff"
    assert not re.search(r"<link|@import|@font-face", html)  # R23
    assert html.count("<!--[if") == html.count("<![endif]")  # R25
    assert len([tag["id"] for _, tag in read.tags if "id" in tag]) == len(
        {tag["id"] for _, tag in read.tags if "id" in tag}
    )  # R32


def test_styles_are_small_and_without_what_clients_stumble_over(case: tuple[str, Edition]) -> None:
    html = case[1].html
    styles = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    css = "".join(styles)
    assert len(css) <= 8_192  # R02
    assert "<style" not in html[html.index("<body") :]  # R03
    for sheet in styles:  # R04: no @ inside an @ block
        for block in re.findall(r"@media[^{]*\{((?:[^{}]|\{[^{}]*\})*)\}", sheet):
            assert "@" not in block
    assert "/*" not in css  # R05
    assert not re.search(r"@media[^{]*,", css)  # R06
    assert "url(" not in css  # R07
    dark = re.search(r"@media \(prefers-color-scheme:dark\)\s*\{((?:[^{}]|\{[^{}]*\})*)\}", css)
    assert dark is not None  # R27
    for rule in re.findall(r"\{([^{}]*)\}", dark[1]):
        assert all("!important" in declaration for declaration in rule.split(";") if declaration.strip())
    assert "[data-ogsc]" in css
    assert "[data-ogsb]" in css
    assert '<meta name="color-scheme" content="light dark"' in html


def test_headings_begin_with_one_title_and_skip_no_level(case: tuple[str, Edition]) -> None:
    levels = [int(tag[1]) for tag, _ in Read(case[1].html).tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1  # R30
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_buttons_are_at_least_44_pixels_high() -> None:
    html = editions("::: button https://a.example.com/\nGo\n:::")[Plan.FREE].html
    style = re.search(r'style="([^"]*)"[^>]*>\s*Go', html)
    assert style is not None
    padding = re.search(r"padding:(\d+)px", style[1])
    line = re.search(r"line-height:(\d+)px", style[1])
    assert padding is not None
    assert line is not None
    assert 2 * int(padding[1]) + int(line[1]) >= 44


def test_the_preheader_comes_first_and_nothing_of_the_body_follows_it() -> None:  # R31, mjmlio/mjml#1829
    html = editions("BODY words")[Plan.FREE].html
    shown = Read(html[html.index("<body") :]).text.lstrip()
    assert shown.startswith("A preview of what is inside")
    assert "BODY" not in shown[:140]
    assert "mso-hide:all" in html
    assert not re.search(r"<div style=\"display:none[^\"]*(color|font-size)", html)


def test_every_placeholder_is_a_tag_of_the_edition_and_each_tag_is_used(case: tuple[str, Edition]) -> None:
    edition = case[1]
    seen = set()
    for part in (edition.subject, edition.preheader, edition.html, edition.text):
        seen |= set(PLACEHOLDER.findall(part))
    assert seen == {tag.tag for tag in edition.merge_tags}
    assert len({(t.name, t.fallback, t.place) for t in edition.merge_tags}) == len(edition.merge_tags)


def test_a_merge_tag_is_escaped_for_the_place_it_stands_in() -> None:
    made = editions(
        "{first_name|a} [x]({referral_link}) [y](https://a.example.com/?n={first_name|a})",
        subject=dict.fromkeys(Plan, "For {first_name|a}"),
    )[Plan.FREE]
    place = {tag.tag: tag.place for tag in made.merge_tags}
    assert {place[tag] for tag in PLACEHOLDER.findall(made.subject)} == {Place.TEXT}
    link = re.search(r'href="https://a\.example\.com/\?n=(-bs\d\d.-)"', made.html)
    assert link is not None
    assert place[link[1]] is Place.URL
    own = re.search(r'href="https://letters\.example\.com/r/(-bs\d\d.-)"[^>]*clicktracking="off"', made.html)
    assert own is not None
    assert place[own[1]] is Place.URL
    assert {place[tag] for tag in PLACEHOLDER.findall(made.text)} == {Place.TEXT, Place.URL}


def test_every_edition_can_be_left_and_says_where_it_comes_from(case: tuple[str, Edition]) -> None:
    edition = case[1]
    tags = {tag.name: tag.tag for tag in edition.merge_tags}
    for name, path in ((MergeName.UNSUBSCRIBE_LINK, "u"), (MergeName.MANAGE_LINK, "m")):
        link = f"https://letters.example.com/{path}/{tags[name]}"
        assert re.search(rf'<a\s[^>]*clicktracking="off"[^>]*href="{link}"', edition.html)
        assert link in edition.text


@pytest.mark.parametrize("message", ["issue", "step", "notice"])
def test_every_kind_of_message_has_title_address_and_a_way_out(message: str) -> None:
    made = editions("Hello.", message=message)[Plan.FREE]
    html = Read(made.html)
    assert len(html.every("h1")) == 1
    assert "1 Test Row, Testville" in html.text
    assert VALUES["unsubscribe_link"] in filled(made.html, made)


def test_an_unknown_message_or_a_slip_in_a_template_names_the_file_and_line() -> None:
    with pytest.raises(RenderError, match="nope"):
        editions("x", message="nope")
    found = dict(sources.read_templates(PROJECT))
    found["blocks/journal.mjml.j2"] = "fine\n{{ nothing_like_that }}\n"
    broken = Templates(found, sources.read_theme(PROJECT))
    with pytest.raises(RenderError) as caught:
        render_editions(make_issue("::: journal\nx\n:::"), make_publication(), broken, make_facts())
    assert (caught.value.file, caught.value.line) == ("emails/blocks/journal.mjml.j2", 2)
    found["blocks/journal.mjml.j2"] = "fine\n\n{% if %}\n"
    with pytest.raises(RenderError) as caught:
        render_editions(
            make_issue("::: journal\nx\n:::"),
            make_publication(),
            Templates(found, sources.read_theme(PROJECT)),
            make_facts(),
        )
    assert (caught.value.file, caught.value.line) == ("emails/blocks/journal.mjml.j2", 3)


def test_a_subject_with_a_line_break_is_refused() -> None:
    with pytest.raises(RenderError, match="line break"):
        editions("x", subject=dict.fromkeys(Plan, "a\nBcc: b@example.com"))


@pytest.mark.parametrize(
    "words", ["& and \"quotes\" 'too' <b>", "{{ 7 * 7 }}", "{% raw %}", "\u200d é \u00a0 ❤️", "a > b", "\\n \\u{a0}"]
)
def test_words_are_never_a_template_and_arrive_as_written(words: str) -> None:  # mjmlio/mjml#2656
    made = editions("::: photo\n![alt](https://a.example.com/x.png)\n:::", title=words)[Plan.FREE]
    assert words in Read(made.html).text
    assert words in made.text


def test_a_right_to_left_language_is_set_so() -> None:
    made = render_editions(make_issue(), make_publication(language="ar"), templates(), make_facts())[Plan.FREE]
    assert Read(made.html).every("html")[0]["dir"] == "rtl"


def test_what_a_block_needs_and_nobody_gave_is_an_error_with_its_line() -> None:
    for body, changes in (
        ("a\n\n::: audio :::", {"audio": None}),
        ("a\n\n::: question\nx\n:::", {"comments": ""}),
        ("a\n\n::: launch nope :::", {}),
    ):
        with pytest.raises(RenderError) as caught:
            editions(body, **changes)
        assert caught.value.line == 3
        assert caught.value.fix
    for body, publication in (
        ("::: share :::", make_publication(links={})),
        ("::: goal :::", make_publication(goal=None)),
    ):
        with pytest.raises(RenderError, match=r"publication\.toml|link called"):
            render_editions(make_issue(body), publication, templates(), make_facts())


def test_the_goal_is_drawn_from_the_live_count_and_never_overflows() -> None:
    for subscribers, percent in ((0, 0), (2500, 50), (5000, 100), (9000, 100)):
        html = editions("::: goal :::", facts=make_facts(subscribers=subscribers))[Plan.FREE].html
        assert f"{subscribers:,} of 5,000" in html
        assert ('class="done"' in html) == (percent > 0)
        assert (f'width="{percent}%"' in html) == (percent > 0)


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert editions(EVERY_BLOCK)[Plan.PAID].hash == editions(EVERY_BLOCK)[Plan.PAID].hash


def test_plain_text_lines_are_at_most_78_wide_but_addresses_stay_whole(case: tuple[str, Edition]) -> None:
    for line in filled(case[1].text, case[1]).splitlines():
        assert len(line) <= WIDTH or "https://" in line or " | " in line or "Noor" in line


def test_an_address_is_never_broken_in_plain_text() -> None:
    url = "https://a.example.com/" + "long-part/" * 12
    text = editions(f"> See [this page]({url}) and <{url}>.\n\n- {url}")[Plan.FREE].text
    assert text.count(url) >= 3


def test_links_are_numbered_notes_and_one_address_has_one_number() -> None:
    text = editions("[a b](https://a.example.com/) [c d](https://b.example.com/) [e f](https://a.example.com/)")[
        Plan.FREE
    ].text
    assert "a b [1] c d [2] e f [1]" in text
    assert "[1] https://a.example.com/" in text
    assert text.count("https://a.example.com/\n") == 1


def test_plain_text_is_not_escaped() -> None:
    assert 'R&D <3 "it\'s"' in editions('R&D <3 "it\'s"')[Plan.FREE].text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a " * 60, 2),
        ("x" * 100, 1),
        ("short " + "x" * 100 + " short", 3),
        ("one\ntwo", 2),
        ("", 1),
        ("a\u00a0" * 60, 1),
    ],
)
def test_wrapping_breaks_at_blanks_alone(text: str, lines: int) -> None:
    wrapped = wrap(text)
    assert len(wrapped.split("\n")) == lines
    assert "".join(wrapped.split()) == "".join(text.split())


@pytest.mark.parametrize(
    "word", ["it's-a-word-that-is-far-too-long-for-a-cell", "https://a.example.com/a-long-page?a=1&b='2'"]
)
def test_a_long_word_in_a_table_may_break_and_is_escaped_once(word: str) -> None:
    read = Read(editions(f"| {word} | `{word}` | <b> |\n|---|---|---|\n| a | b | c |")[Plan.FREE].html)
    assert read.text.count(word) == 2
    assert "<span" not in read.text
    assert any("overflow-wrap:anywhere" in str(span.get("style")) for span in read.every("span"))
