"""The registry: each block has its template and its line in docs/authoring.md, and the other way round."""

from __future__ import annotations

import re

import pytest

from tests.support.block_pages import written
from tests.support.rendering import PROJECT, editions
from worker import sources
from worker.domain.edition import MergeName
from worker.errors import RenderError
from worker.render.registry import KINDS


def test_each_block_that_shows_anything_has_one_template() -> None:
    shown = {f"blocks/{name}.mjml.j2" for name, kind in KINDS.items() if kind.view}
    assert {name for name in sources.read_templates(PROJECT) if name.startswith("blocks/")} == shown


def test_the_authors_guide_lists_every_block_as_the_registry_has_it() -> None:
    """`make blocks` writes the list."""
    guide = (PROJECT / "docs" / "authoring.md").read_text(encoding="utf-8")
    assert written(guide) == guide
    assert len(re.findall(r"^\| `::: [^`]+` \| .+ \|$", guide, re.MULTILINE)) == len(KINDS)


def test_the_authors_guide_lists_every_merge_tag() -> None:
    guide = (PROJECT / "docs" / "authoring.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `\{(\w+)[^`]*` \|", guide, re.MULTILINE) == [name.value for name in MergeName]


@pytest.mark.parametrize(
    "inside",
    [
        "One\n\nTwo",
        "- one",
        "## One",
        "![x](https://a.example.com/x.png)",
        "One\n:::\n\n::: button https://b.test/ Two\nThree",
    ],
)
def test_a_button_that_holds_more_than_a_label_is_refused_for_the_rest_would_not_be_shown(inside: str) -> None:
    with pytest.raises(RenderError, match="label") as caught:
        editions(f"a\n\n::: button https://a.example.com/\n{inside}\n:::")
    assert caught.value.line is not None
