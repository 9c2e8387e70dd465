"""The guard: every way MRML 6.0.1 is known to garble, panic or crash, and what is made of it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from mjml import mjml2html

from tests.support.rendering import Read
from worker.errors import RenderError
from worker.render.mjml.convert import refuse_leaks, to_html
from worker.render.mjml.guard import guard

EMOJI = "\U0001f469\u200d\U0001f680"  # a joiner between two
ODD = [
    EMOJI,
    "\u2764\ufe0f",
    "«\u00a0é\u00a0»",
    "1\u202f000",
    "नमस्ते",
    "e\u0301",
    "soft\u00adhyphen",
    "left\u200eright",
    "\U0001f3f4\U000e0067\U000e007f",
]


def page(body: str, head: str = "") -> str:
    return f"<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column>{body}</mj-column></mj-section></mj-body></mjml>"


def words(text: str) -> str:
    return page(f"<mj-text>{text}</mj-text>")


@pytest.mark.parametrize("text", ODD)
def test_odd_characters_in_an_attribute_arrive_as_they_were_written(text: str) -> None:  # S1
    source = page(f'<mj-image src="https://a.example.com/x.png" alt="{text}" />')
    assert "\\u{" in mjml2html(source)  # what MRML does by itself
    assert Read(to_html(source, "f.md")).every("img")[0]["alt"] == text


def test_line_breaks_and_backslashes_in_an_attribute_do_no_harm() -> None:  # S2
    source = words('<p style="color:#111111;\n  margin:0" title="a\\b\tc">x</p>')
    tag = Read(to_html(source, "f.md")).every("p")[0]
    assert tag["style"] == "color:#111111; margin:0"
    assert tag["title"] == "a\\b\tc"


def test_double_quotes_in_a_single_quoted_attribute_stay_inside_it() -> None:  # S3
    source = page("<mj-image src='https://a.example.com/x.png' alt='say \"hi\" onload=\"x\"' />")
    tag = Read(to_html(source, "f.md")).every("img")[0]
    assert tag["alt"] == 'say "hi" onload="x"'
    assert "onload" not in tag


@pytest.mark.parametrize("gap", ["\n", "\n  ", "\r\n", "\n<!-- note -->\n", "\n<!--@7-->"])
def test_a_line_break_between_inline_tags_is_a_blank(gap: str) -> None:  # S4, jdrouet/mrml#439
    text = Read(to_html(words(f"<span>Hello</span>{gap}<span>world</span>"), "f.md")).text
    assert "Hello world" in " ".join(text.split())


def test_a_line_break_between_blocks_adds_nothing() -> None:
    assert "<p>a</p><p>b</p>" in to_html(words("<p>a</p>\n<p>b</p>"), "f.md").replace("\n", "")


def test_line_breaks_in_preformatted_text_are_kept() -> None:  # S5
    source = words("<pre><span>def f(x):</span>\n    <span>y = 1</span>\n<span>return y</span></pre>")
    assert "def f(x):\n    y = 1\nreturn y" in Read(to_html(source, "f.md")).text


@pytest.mark.parametrize(
    ("written", "made"),
    [
        ("0 20px", "0px 20px"),
        ("0", "0px"),
        ("10px 0 0 0", "10px 0px 0px 0px"),
        ("0px 10px", "0px 10px"),
        ("0.5px", "0.5px"),
    ],
)
def test_a_zero_without_a_unit_gets_one(written: str, made: str) -> None:  # S6
    assert (
        f'padding="{made}"'
        in guard(f'<mjml><mj-body><mj-section padding="{written}"></mj-section></mj-body></mjml>', "f").source
    )


def test_a_padding_with_a_bare_zero_narrows_the_image_inside_it() -> None:  # S6, as a reader sees it
    source = page('<mj-image padding="0px" src="https://a.example.com/x.png" alt="" />').replace(
        "<mj-column>", '<mj-column padding="0 20px">'
    )
    assert Read(to_html(source, "f.md")).every("img")[0]["width"] == "560"


def test_the_first_of_two_equal_attributes_holds() -> None:
    source = page('<mj-text color="#111111" color="#222222">x</mj-text>')
    html = to_html(source, "f.md")
    assert "#111111" in html
    assert "#222222" not in html


def test_a_title_with_quotes_and_emoji_stays_whole_and_labels_the_mail() -> None:  # S3 and S1, mjmlio/mjml#2982
    read = Read(to_html(page("<mj-text>x</mj-text>", f'<mj-title>A "q" {EMOJI}</mj-title>'), "f.md"))
    assert next(tag["aria-label"] for tag in read.every("div") if tag.get("role") == "article") == f'A "q" {EMOJI}'


def test_comments_are_dropped_so_that_none_lands_between_ghost_tables() -> None:  # S12, pentacent/keila#382
    section = "<mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section>"
    source = f"<mjml><mj-body><mj-wrapper><!-- note -->{section}</mj-wrapper></mj-body></mjml>"
    html = to_html(source, "f.md")
    assert "note" not in html
    assert html.count("<!--[if") == html.count("<![endif]")


def test_a_conditional_comment_is_kept() -> None:
    assert "<!--[if mso]>plain<![endif]-->" in to_html(words("<!--[if mso]>plain<![endif]-->"), "f.md")


@pytest.mark.parametrize("text", ["é > x", "“a”>b", "日本語>", "a > b"])
def test_a_bare_greater_than_sign_does_not_panic(text: str) -> None:
    assert text in Read(to_html(words(text), "f.md")).text
    assert text in Read(to_html(page("<mj-text>x</mj-text>", f"<mj-title>{text}</mj-title>"), "f.md")).text


def test_mrml_itself_panics_on_that_sign_and_the_panic_is_no_exception() -> None:
    with pytest.raises(BaseException, match="char boundary") as caught:
        mjml2html(words("é > x"))
    assert not isinstance(caught.value, Exception)


def test_a_panic_behind_the_guard_becomes_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    PanicException.__module__ = "pyo3_runtime"

    def panics(*args: object, **options: object) -> str:
        raise PanicException("byte index 2 is not a char boundary")

    monkeypatch.setattr("worker.render.mjml.convert.mjml2html", panics)
    with pytest.raises(RenderError, match="gave up"):
        to_html(words("x"), "f.md")


def test_an_interrupt_is_never_taken_for_a_panic(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("worker.render.mjml.convert.mjml2html", interrupted)
    with pytest.raises(KeyboardInterrupt):
        to_html(words("x"), "f.md")


def test_nesting_that_ends_mrmls_process_is_refused_with_its_line() -> None:
    deep = words("<!--@42-->" + "<em>" * 10_000 + "x" + "</em>" * 10_000)
    program = "import sys; from mjml import mjml2html; mjml2html(sys.stdin.read())"
    crashed = subprocess.run([sys.executable, "-c", program], input=deep, text=True, check=False, capture_output=True)
    assert crashed.returncode == -11  # SIGSEGV
    with pytest.raises(RenderError, match="nested more than 100 deep") as caught:
        to_html(deep, "f.md")
    assert caught.value.line == 42


def test_nesting_up_to_the_limit_is_rendered() -> None:
    assert "x" in to_html(words("<em>" * 80 + "x" + "</em>" * 80), "f.md")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (page("<mj-foo>x</mj-foo>"), "<mj-foo>"),  # S8
        (page("loose words"), "text directly in <mj-column>"),  # S8
        (page("<p>loose</p>"), "<p> has no place in <mj-column>"),  # S8
        (page('<mj-text gap="3px">x</mj-text>'), "no attribute 'gap'"),  # S9
        (page("<mj-carousel></mj-carousel>"), "<mj-carousel>"),
        (page("<mj-text>x</mj-text>", "<mj-preview>x</mj-preview>"), "<mj-preview>"),
        (page("<mj-text>x</mj-text>", "<mj-html-attributes></mj-html-attributes>"), "<mj-html-attributes>"),
        (page("<mj-text>x</mj-text>", '<mj-style inline="inline">p{}</mj-style>'), "no attribute 'inline'"),  # S10
        (page('<mj-include path="x.mjml" />'), "<mj-include>"),  # S13
        (page("<mj-text>x</mj-text>", "<mj-style>/* é > x */</mj-style>"), "outside ASCII"),
        (words("a < b"), "a bare `<`"),
        (words("<![CDATA[x]]>"), "a bare `<`"),
        (words("<script>x</script>"), "<script>"),
        (words('<p onclick="x()">x</p>'), "no attribute 'onclick'"),
        (words("<p>x"), "</mj-text> closes <p>"),
        (words("<b><i>x</b></i>"), "</b> closes <i>"),
        (words("<p style=x>y</p>"), "broken attribute"),
        (words("a\x00b"), "U+0000"),
        (words("a\x92b"), "U+0092"),
        ("<mjml><mj-body>", "never closed"),
    ],
)
def test_what_mrml_would_pass_on_or_drop_without_a_word_is_refused(source: str, problem: str) -> None:
    with pytest.raises(RenderError) as caught:
        to_html(source, "f.md")
    assert problem in str(caught.value)
    assert caught.value.fix


def test_an_error_names_the_line_of_the_block_it_came_from() -> None:
    with pytest.raises(RenderError) as caught:
        guard(words("<!--@3--><p>fine</p><!--@8--><nav>x</nav>"), "content/issues/x.md")
    assert (caught.value.file, caught.value.line) == ("content/issues/x.md", 8)


def test_mrmls_own_error_is_traced_to_the_line_too() -> None:
    guarded = guard(words("<!--@3--><p>é</p><!--@8--><p>here</p>"), "f.md")
    at = len(guarded.source[: guarded.source.index("here")].encode())
    assert guarded.line_at(at) == 8
    assert guarded.line_at(at - 10) == 3
    assert guarded.line_at(3) is None


@pytest.mark.parametrize(
    "html",
    [
        r"<p title=\"x\">",
        r"<p style='a:b;\n c:d'>",
        r"<img alt='\u{200d}'>",
        "<mj-text>x</mj-text>",
        "<!--[if mso]><td>",
    ],
)
def test_the_leak_check_sees_every_trace_of_mrmls_faults(html: str) -> None:
    with pytest.raises(RenderError, match="finished HTML"):
        refuse_leaks(html.encode(), "f.md")


def test_a_backslash_of_the_authors_own_is_no_leak() -> None:
    assert r"C:\u{200d}\n" in Read(to_html(words(r"C:\u{200d}\n"), "f.md")).text


def test_no_stylesheet_or_font_comes_from_elsewhere() -> None:  # S15
    html = to_html(page('<mj-text font-family="Roboto, Open Sans, sans-serif">x</mj-text>'), "f.md")
    assert "googleapis" not in html
    assert "@import" not in html
