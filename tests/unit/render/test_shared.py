"""What both editions share is made once: each must be what it is when it is rendered alone, to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rendering import (
    EVERY_BLOCK,
    PROJECT,
    make_facts,
    make_issue,
    make_publication,
    templates,
)
from worker import sources
from worker.domain.subscriber import Plan
from worker.render.edition import parse, render_both, render_edition
from worker.render.layout import Templates
from worker.render.scene import Scene

_NOTES = {"[^a]": "First.", "[^b]": "Second, with [a link](https://c.example.com/)."}


def with_notes(letter: str) -> str:
    """A letter and the footnotes it refers to."""
    return "\n\n".join([letter, *(f"{mark}: {words}" for mark, words in _NOTES.items() if mark in letter)]) + "\n"


_PIECES = st.sampled_from(
    [
        "Plain words.",
        "Hello {first_name|there}, {first_name|friend}.",
        "A [link](https://a.example.com/x) and [another](https://b.example.com/y).",
        "Noted.[^a] Twice.[^b]",
        "# One",
        "### Three",
        "- one\n- two\n\n  more",
        "- {first_name|there}\n- [x] done",
        "> quoted\n>\n> ## within",
        "| a | b |\n|---|--:|\n| 1 | {referral_count|no} |",
        "    code",
        "::: card A label\nwords\n:::",
        "::: card A label\n### Inner\nHello {first_name|you}.[^b]\n:::",
        "::: refer :::",
        "::: journal\n- one\n- one\n:::",
        "נכתב מימין לשמאל",
    ]
)
_PARTS = st.tuples(_PIECES, st.sampled_from(["{}", "{}", "::: paid\n{}\n:::", "::: free\n{}\n:::"])).map(
    lambda part: part[1].replace("{}", part[0]) if part[1] != "{}" else part[0]
)
_LETTERS = st.tuples(
    st.lists(_PARTS, min_size=1, max_size=6).map("\n\n".join), st.sampled_from(["", "\n\n::: paywall :::\n\nPaid.[^a]"])
).map(lambda parts: with_notes("".join(parts)))


def both_and_alone(body: str, made_by: Templates) -> tuple[Any, Any]:
    text = make_issue(body)
    tree, facts = parse(text), make_facts()
    scenes = {plan: Scene(text, make_publication(), facts, plan) for plan in Plan}
    alone = {plan: render_edition(tree, scene, made_by) for plan, scene in scenes.items()}
    return render_both(tree, scenes, made_by), alone


@given(_LETTERS)
@settings(max_examples=60, deadline=None)
def test_properties_each_edition_is_what_it_is_alone(letter: str) -> None:
    both, alone = both_and_alone(letter, templates())
    assert both == alone


def test_the_letter_with_every_block_is_what_it_is_alone() -> None:
    both, alone = both_and_alone(EVERY_BLOCK, templates())
    assert both == alone


@pytest.mark.parametrize("words", ["{{ plan }}", '{{ merge("manage_link") }}', '{% include "layouts/plan.mjml.j2" %}'])
def test_a_template_that_asks_for_the_plan_or_a_merge_tag_is_drawn_for_each_edition(words: str) -> None:
    """However it asks: a block drawn for paying readers is not shown to others."""
    read = dict(sources.read_templates(PROJECT))
    read["blocks/card.mjml.j2"] = (
        '{% extends "layouts/card.mjml.j2" %}{% block kicker %}<mj-text>' + words + "</mj-text>{% endblock %}"
    )
    read["layouts/plan.mjml.j2"] = "{{ plan }}"
    both, alone = both_and_alone("::: card A label\nwords\n:::\n", Templates(read, sources.read_theme(PROJECT)))
    assert both == alone


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("messages/issue.mjml.j2", "<mj-wrapper>{{ body }}</mj-wrapper>"),  # sections that stand in something
        ("layouts/letter.mjml.j2", '<mj-all padding="{{ 11 if plan == "free" else 22 }}px" />'),  # heads that differ
        ("blocks/card.mjml.j2", '{% if plan == "paid" %}' + "<mj-column></mj-column>" * 2 + "{% endif %}"),
    ],
)
def test_what_a_section_stands_in_or_below_is_not_taken_from_the_other_edition(template: str, words: str) -> None:
    read = dict(sources.read_templates(PROJECT))
    match template.partition("/")[0]:
        case "messages":
            read["layouts/letter.mjml.j2"] = read["layouts/letter.mjml.j2"].replace("{{ body }}", words)
        case "layouts":
            read[template] = read[template].replace("</mj-attributes>", words + "</mj-attributes>")
        case _:
            read[template] = f"<mj-section><mj-column></mj-column>{words}</mj-section>"
    body = "Words.\n\n::: card A label\nwords\n:::\n\n::: paid\nMore.\n:::\n\n::: paywall\nPay.\n:::\n"
    both, alone = both_and_alone(body, Templates(read, sources.read_theme(PROJECT)))
    assert both == alone
    assert both[Plan.FREE].html != both[Plan.PAID].html


@pytest.mark.parametrize("plan", ["free", "paid"])
def test_a_picture_of_one_edition_changes_the_head_of_that_one_alone(plan: str) -> None:
    body = f"Words.\n\n::: {plan}\n![A tree](https://a.example.com/tree.jpg)\n:::\n\n::: {plan}\nMore.\n:::\n"
    both, alone = both_and_alone(body, templates())
    assert both == alone
    held = {one: "mj-full-width-mobile" in edition.html.partition("<body")[0] for one, edition in both.items()}
    assert held == {one: one.value == plan for one in Plan}
