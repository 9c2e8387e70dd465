"""The gate: what a plan may not read is in nothing made for it."""

from __future__ import annotations

import pytest

from tests.support.rendering import editions, make_facts, make_launch
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.blocks import Container
from worker.render.gate import cut
from worker.render.markdown import parse_markdown

FREE, PAID = Plan.FREE, Plan.PAID


def everything(edition: object) -> str:
    return "\n".join((edition.html, edition.text, edition.subject, edition.preheader))


def test_paid_and_free_parts_reach_their_readers_only() -> None:
    made = editions("Both.\n\n::: paid\nOstrich\n:::\n\n::: free\nPelican\n:::\n")
    assert "Ostrich" in everything(made[PAID])
    assert "Ostrich" not in everything(made[FREE])
    assert "Pelican" in everything(made[FREE])
    assert "Pelican" not in everything(made[PAID])


def test_a_paywall_ends_the_letter_for_free_readers_with_what_stands_in_it_as_the_pitch() -> None:
    made = editions("Start.\n\n::: paywall\nCome in\n:::\n\nOstrich\n\n::: free\nPelican\n:::\n")
    assert "Ostrich" not in everything(made[FREE])
    assert "Pelican" not in everything(made[FREE])
    assert "Come in" in everything(made[FREE])
    assert "The archive &amp; more" in made[FREE].html
    assert "The archive & more" in made[FREE].text
    assert "Come in" not in everything(made[PAID])
    assert "Ostrich" in everything(made[PAID])


def test_a_pitch_is_for_free_readers_and_a_discount_for_paying_ones() -> None:
    made = editions("::: pitch\nPelican\n:::\n\n::: discount OSTRICH20\nfor you\n:::\n")
    assert "Pelican" in everything(made[FREE])
    assert "Pelican" not in everything(made[PAID])
    assert "OSTRICH20" in everything(made[PAID])
    assert "OSTRICH20" not in everything(made[FREE])


def test_a_part_for_one_plan_inside_another_block_is_cut_there_too() -> None:
    made = editions("::: card\nShown\n\n::: paid\nOstrich\n:::\n:::\n")
    assert "Ostrich" in everything(made[PAID])
    assert "Ostrich" not in everything(made[FREE])


def test_links_of_a_paid_part_are_in_no_free_note() -> None:
    made = editions("::: paid\n[words](https://ostrich.example.com/)\n:::\n")
    assert "ostrich" in made[PAID].text
    assert "ostrich" not in everything(made[FREE])


def test_merge_tags_of_a_paid_part_are_not_asked_for_by_the_free_edition() -> None:
    made = editions("::: paid\n{referral_count|none}\n:::\n")
    assert "none" in {tag.fallback for tag in made[PAID].merge_tags}
    assert "none" not in {tag.fallback for tag in made[FREE].merge_tags}


def test_no_gate_is_left_in_a_cut_tree() -> None:
    tree = parse_markdown("::: paid\na\n\n::: free\nb\n:::\n:::\n\n::: paywall :::\n\nc\n", "f.md")
    for plan in Plan:
        names = {block.name for block in cut(tree, plan).blocks if isinstance(block, Container)}
        assert not names & {"paid", "free", "paywall"}


def test_a_paywall_inside_a_block_or_a_second_one_is_refused_with_its_line() -> None:
    with pytest.raises(RenderError, match="cuts the whole letter") as caught:
        parse_markdown("::: paid\n\n::: paywall :::\n\n:::\n", "f.md", 10)
    assert caught.value.line == 12
    with pytest.raises(RenderError, match="second paywall") as caught:
        parse_markdown("::: paywall :::\n\na\n\n::: paywall :::\n", "f.md")
    assert caught.value.line == 5


def test_a_launch_leaves_with_all_its_words_when_it_has_closed() -> None:
    body = "::: launch groups\nPelican\n:::\n"
    closes = make_launch().closes
    assert "Small groups" in editions(body)[FREE].html
    late = make_facts(launches={"groups": make_launch(closes=closes.replace(month=11, day=23, hour=7))})
    assert "Pelican" not in everything(editions(body, facts=late)[FREE])
    assert "Small groups" not in everything(editions(body, facts=late)[FREE])


def test_code_that_nobody_closed_may_not_swallow_a_paywall():
    with pytest.raises(RenderError, match="never closed") as refused:
        parse_markdown("Hello.\n\n```\nx = 1\n\n::: paywall\nPay.\n:::\n\nFor paying readers.\n", "letter.md")
    assert refused.value.line == 3
    parse_markdown("Hello.\n\n```\n::: paywall\n```\n\nAn example.\n\n```\nx = 1\n", "letter.md")
