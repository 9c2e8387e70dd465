"""Properties of the guard: whatever the words are, an HTML parser reads them back as they were written."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from tests.support.rendering import Read
from worker.errors import RenderError
from worker.render.mjml.convert import refuse_leaks, to_html

# Everything but what is refused (controls, surrogates, non-characters) and CR, which HTML itself reads as LF.
PRINTABLE = st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="\ufffe\uffff")
WORDS = st.text(PRINTABLE | st.sampled_from("<>&\"'\\\u200d\ufe0f\u00a0\u0301"), min_size=1, max_size=40)


def _page(body: str, title: str = "t") -> str:
    return (
        f"<mjml><mj-head><mj-title>{title}</mj-title></mj-head><mj-body><mj-section><mj-column>{body}</mj-column>"
        "</mj-section></mj-body></mjml>"
    )


@given(WORDS)
@settings(max_examples=150, deadline=None)
def test_properties_any_attribute_survives(words: str) -> None:
    html = to_html(_page(f'<mj-image src="https://a.example.com/x.png" alt="{escape(words)}" />'), "f.md")
    assert Read(html).every("img")[0]["alt"] == words


@given(WORDS)
@settings(max_examples=150, deadline=None)
def test_properties_any_text_survives(words: str) -> None:
    html = to_html(_page(f"<mj-text><p>[{escape(words)}]</p></mj-text>", title=f"[{escape(words)}]"), "f.md")
    read = Read(html)
    assert f"[{words}]" in read.text
    label = next(tag["aria-label"] for tag in read.every("div") if tag.get("role") == "article")
    assert label == f"[{words}]"


@given(st.text(st.sampled_from("<>/='\" abmjtexp-!&;é\u200d\n"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_properties_any_template_slip_is_rendered_or_refused(slip: str) -> None:
    html = ""
    with suppress(RenderError):  # anything else, a panic above all, fails
        html = to_html(_page(f"<mj-text>{slip}</mj-text>"), "f.md")
    refuse_leaks(html.encode(), "f.md")
    assert "<mj-" not in html
