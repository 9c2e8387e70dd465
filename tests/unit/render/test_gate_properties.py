"""Properties of the gate and of parsing: canaries never leak, and any Markdown renders or is refused."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rendering import editions
from worker.domain.subscriber import Plan
from worker.errors import SourceError

CANARY = "zebrafinch"

_SHAPES = st.sampled_from(
    [
        "{}",
        "## {}",
        "- {}\n- more",
        "> {}",
        "**{}** and [{}](https://a.example.com/{})",
        "![{}](https://a.example.com/{}.png)",
        "`{}`",
        "| {} | b |\n|---|---|\n| c | {} |",
        "    {}",
        "::: card\n{}\n:::",
        "::: journal {}\nx\n:::",
        "::: button https://a.example.com/{}\n{}\n:::",
        "::: discount {}\n{}\n:::",
        "[x][ref]\n\n[ref]: https://a.example.com/{}",
    ]
).map(lambda shape: shape.replace("{}", CANARY))
_OPEN = st.sampled_from(["Hello.", "- a\n- b", "::: card\nopen\n:::", "> quote", "::: goal :::"])
_PAID = st.lists(_SHAPES, min_size=1, max_size=3).map("\n\n".join)
_LETTERS = st.lists(st.one_of(_OPEN, _PAID.map(lambda inner: f"::: paid\n{inner}\n:::")), min_size=1, max_size=4).map(
    "\n\n".join
)


@given(letter=_LETTERS, after=_PAID)
@settings(max_examples=60, deadline=None)
def test_properties_a_word_of_paid_parts_is_in_no_free_artefact(letter: str, after: str) -> None:
    made = editions(f"{letter}\n\n::: paywall :::\n\n{after}\n")
    free = made[Plan.FREE]
    for artefact in (free.html, free.text, free.subject, free.preheader, str(free.merge_tags)):
        assert CANARY not in artefact
    assert CANARY in made[Plan.PAID].html


_ANYTHING = st.text(st.sampled_from(list("*_[]()!<>`#-+|:\\{}&;\n\t 1aé\u200d\u00a0\"'~=")), max_size=120)
_LINES = st.lists(
    st.one_of(
        _ANYTHING,
        st.sampled_from(
            ["::: paid", "::: card", ":::", "::: paywall :::", "- ", "> ", "```", "{first_name|x}", "{nope}", "-bs00h-"]
        ),
    ),
    max_size=8,
).map("\n".join)


@given(_LINES)
@settings(max_examples=250, deadline=None)
def test_properties_any_markdown_renders_or_is_refused_with_its_line(body: str) -> None:
    with suppress(SourceError):
        for edition in editions(body).values():
            assert edition.html.startswith("<!doctype html>")
