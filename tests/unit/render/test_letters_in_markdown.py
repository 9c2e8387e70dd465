"""What Markdown becomes in mail: tasks, code, lists, headings, remarks, tables on a phone, and both reading directions."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.support.rendering import Read, editions, make_facts, make_issue, make_publication, templates
from worker.domain.subscriber import Plan
from worker.render.direction import direction_of, direction_of_language
from worker.render.edition import render_editions
from worker.render.highlight import LIMIT, runs_of
from worker.render.markdown import parse_markdown
from worker.render.outline import Outline
from worker.render.styles import mirrored
from worker.render.tables import breakable


def html_of(body: str, **changes: object) -> str:
    """The letter's own part of the free edition's HTML."""
    html = editions(body, **changes)[Plan.FREE].html
    return html[html.index("</h1>") : html.index("1 Test Row")]


# --- tasks


def test_tasks_have_a_mark_and_nothing_to_tick() -> None:
    html = html_of("- [ ] paint\n- [x] door\n- [X] roof\n- plain\n")
    words = " ".join(Read(html).text.split())
    assert "☐ paint" in words
    assert "☑ door" in words
    assert "☑ roof" in words
    assert html.count("list-style-type:none") == 3
    assert "<input" not in html
    assert (
        "☐ paint\n☑ door\n☑ roof\n• plain" in editions("- [ ] paint\n- [x] door\n- [X] roof\n- plain\n")[Plan.FREE].text
    )


def test_tasks_may_be_numbered_or_stand_apart() -> None:
    text = editions("3. [ ] paint\n\n4. [x] door\n\n   and more\n")[Plan.FREE].text
    assert "3. ☐ paint\n\n4. ☑ door\n\n     and more" in text
    assert re.search(r"<p[^>]*>☑\xa0door</p>", html_of("3. [ ] paint\n\n4. [x] door\n").replace("\n", ""))


@pytest.mark.parametrize(
    "body", ["- [] a", "- [y] a", "- [ ]a", "- a [x] b", "[ ] a", "- [x](https://a.example.com/) a"]
)
def test_other_brackets_are_no_tasks(body: str) -> None:
    assert "☐" not in html_of(body)
    assert "☑" not in html_of(body)


# --- lists


def test_lists_are_indented_by_a_margin_so_that_word_keeps_their_bullets() -> None:
    html = html_of("- a\n  1. b\n     - c\n")
    styles = re.findall(r"<(?:ul|ol)[^>]*style=\"([^\"]*)\"", html)
    assert len(styles) == 3
    for style in styles:
        assert re.search(r"margin-left:\d{2}px", style)
        assert "list-style" not in style
        assert not re.search(r"padding:[^;]*[1-9]", style)


def test_blocks_in_lists_keep_their_place() -> None:
    html = html_of("1. a\n\n   ```\n   x\n\n   y\n   ```\n\n   > q\n\n   | a | b |\n   |---|---|\n   | 1 | 2 |\n2. b\n")
    item = html[html.index("<li") : html.index("</li>")]
    assert "<pre" in item
    assert "<blockquote" in item
    assert "<table" in item


# --- code


def test_code_is_coloured_and_every_character_of_it_is_kept() -> None:
    code = 'def f(x: int) -> str:\n\t"""<Say> & \'so\'."""\n\n    return f"{x}\\n"  # 日本\n\n\n# end'
    html = editions(f"```python\n{code}\n```")[Plan.FREE].html
    found = re.search(r"<pre[^>]*>(.*?)</pre>", html, re.DOTALL)
    assert found is not None
    assert unescape(re.sub(r"<[^>]*>", "", found[1])) == code
    for kind in ("keyword", "string", "comment", "name"):
        assert re.search(rf'<span[^>]*class="{kind}"[^>]*style="[^"]*color:#', found[1].replace("\n", " "))
        assert html.count(f".{kind}{{color:") == 2  # in dark mode, and for Outlook


@pytest.mark.parametrize("language", ["", "nolanguage", "text", "{.x}", "python3", "C++", "\u202e"])
@pytest.mark.parametrize("code", ["", "\n\n a", "a\r\tb", "\ufeffx", "x \n", "\\", "<b>" * 3])
def test_runs_are_the_code_whatever_the_language(language: str, code: str) -> None:
    assert "".join(characters for _, characters in runs_of(language, code)) == code


def test_more_code_than_anybody_reads_stays_plain() -> None:
    assert runs_of("python", "a = 1\n" * LIMIT) == (("", "a = 1\n" * LIMIT),)


# --- headings


def levels(body: str) -> list[int]:
    html = editions(body)[Plan.FREE].html
    return [int(level) for level in re.findall(r"<h([1-6])\b", html)]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("# a\n\n## b\n\n### c\n\n## d", [1, 2, 3, 4, 3]),
        ("## a\n\n### b\n\n## c", [1, 2, 3, 2]),
        ("## a\n\n##### b\n\n###### c\n\n### d", [1, 2, 3, 4, 3]),
        ("#### a\n\n## b\n\n# c", [1, 2, 2, 2]),
        ("# a\n\n## b\n\n::: journal\n### c\n:::\n\n## d", [1, 2, 3, 2, 3, 3]),
        ("::: journal\nx\n:::\n\n## a\n\n### b", [1, 2, 2, 3]),
        ("#\n\n## \n\na", [1]),
    ],
)
def test_headings_begin_with_the_title_and_leave_no_level_out(body: str, found: list[int]) -> None:
    assert levels(body) == found


def test_levels_are_closed_up_for_each_plan_by_itself() -> None:
    made = editions("## a\n\n::: paid\n### b\n:::\n\n#### c")
    assert re.findall(r"<h([2-6])\b", made[Plan.FREE].html) == ["2", "3"]
    assert re.findall(r"<h([2-6])\b", made[Plan.PAID].html) == ["2", "3", "4"]


def test_an_outline_never_goes_below_the_sixth_level() -> None:
    outline = Outline()
    assert [outline.heading(level) for level in (1, 2, 3, 4, 5, 6)] == [2, 3, 4, 5, 6, 6]


# --- remarks


@pytest.mark.parametrize(
    "remark",
    ["<!-- secret -->", "<!-- secret\n\nsecret\n\n- secret -->", "a <!-- secret --> b", "a <!-- *secret\nsecret* -->"],
)
def test_a_remark_reaches_nobody(remark: str) -> None:
    made = editions(f"Before\n\n{remark}\n\nAfter")[Plan.FREE]
    assert "secret" not in made.html + made.text
    assert "After" in made.text


@pytest.mark.parametrize(
    "text", ["`<!-- shown -->`", "    <!-- shown -->", r"\<!-- shown -->", "<!-- shown", "a <!- shown ->"]
)
def test_what_is_no_remark_is_shown(text: str) -> None:
    assert "shown" in editions(text)[Plan.FREE].text


# --- words too long for a phone


def test_a_word_of_a_table_breaks_only_where_its_share_of_a_phone_is_too_narrow() -> None:
    assert breakable("ordinary words & more", 2) == "ordinary words &amp; more"
    assert "<span" in breakable("https://a.example.com/long", 2)
    assert "<span" in breakable("internationalisation", 4)
    assert breakable("&" * 5, 2) == "&amp;" * 5  # five characters, not twenty-five
    assert ">&lt;1111111111111111<" in breakable("<1111111111111111", 2)
    table = html_of("| a | b |\n|---|---|\n| https://a.example.com/long/long | word |\n")
    assert "word-break:normal" in table
    assert "overflow-wrap:anywhere" in table
    assert re.search(r">\s*word</td>", table)


# --- reading directions


@pytest.mark.parametrize(
    ("words", "direction"),
    [
        ("Hello שלום", "ltr"),
        ("שלום Hello", "rtl"),
        ("123 السلام", "rtl"),
        ("123 !?", ""),
        ("", ""),
        ("日本語", "ltr"),
    ],
)
def test_the_first_letter_that_has_one_gives_the_direction(words: str, direction: str) -> None:
    assert direction_of(words) == direction


@pytest.mark.parametrize(
    ("language", "direction"),
    [
        ("ar", "rtl"),
        ("he-IL", "rtl"),
        ("az-Arab", "rtl"),
        ("ar-Latn", "ltr"),
        ("ku", "ltr"),
        ("ckb", "rtl"),
        ("en", "ltr"),
    ],
)
def test_a_language_has_a_direction_and_its_script_decides(language: str, direction: str) -> None:
    assert direction_of_language(language) == direction


def test_left_and_right_change_places() -> None:
    assert mirrored("padding:1px 2px 3px 4px;margin-left:5px;") == "padding:1px 4px 3px 2px;margin-right:5px;"
    assert mirrored("border-left:3px solid #000;text-align:left") == "border-right:3px solid #000;text-align:right"
    assert mirrored("padding:8px 10px;color:#000000;") == "padding:8px 10px;color:#000000;"


def test_a_paragraph_in_another_script_says_which_side_it_begins_on() -> None:
    html = html_of("English.\n\nשלום עולם\n\n- פריט\n- פריט\n\n> ציטוט\n\n## כותרת\n")
    assert re.search(r"<p style=\"[^\"]*\">English", html.replace("\n", " "))
    for tag in ("p", "ul", "blockquote", "h2"):
        opened = re.search(rf"<{tag}\b[^>]*dir=\"rtl\"[^>]*>", html)
        assert opened is not None
        assert "text-align:right" in opened[0]
    assert "margin-right:" in re.search(r"<ul\b[^>]*>", html)[0]  # type: ignore[index]
    assert "border-right:" in re.search(r"<blockquote\b[^>]*>", html)[0]  # type: ignore[index]
    assert html.count('dir="rtl"') == 4  # what stands inside inherits it


def test_a_letter_from_right_to_left_turns_everything_and_keeps_code_and_english_as_they_are() -> None:
    body = "السلام\n\n- عنصر\n\nEnglish here.\n\n```\nx = 1\n```\n\n| أ | ب |\n|---|---|\n| 1 | 2 |\n"
    made = render_editions(make_issue(body), make_publication(language="ar"), templates(), make_facts())[Plan.FREE]
    html = made.html[made.html.index("</h1>") : made.html.index("1 Test Row")]
    assert "margin-right:" in re.search(r"<ul\b[^>]*>", html)[0]  # type: ignore[index]
    assert re.search(r"<p dir=\"ltr\" style=\"[^\"]*text-align:left\">English", html.replace("\n", " "))
    assert re.search(r"<pre dir=\"ltr\"", html.replace("\n", " "))
    assert re.search(r"<th[^>]*style=\"text-align:right", html.replace("\n", " "))
    assert 'dir="rtl"' not in html


def test_an_issue_may_have_a_language_of_its_own() -> None:
    read = Read(editions("سلام", language="fa")[Plan.FREE].html)
    article = next(tag for tag in read.every("div") if tag.get("role") == "article")
    for tag in (read.every("html")[0], article):
        assert (tag["lang"], tag["dir"]) == ("fa", "rtl")


def test_the_direction_is_no_edit_and_no_part_of_what_blocks_are() -> None:
    first, second = parse_markdown("שלום", "x.md").blocks, parse_markdown("hello", "x.md").blocks
    assert [block.direction for block in (*first, *second)] == ["rtl", "ltr"]
