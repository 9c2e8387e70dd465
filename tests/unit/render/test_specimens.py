"""Every block by itself: its golden files, made from its sample, and what holds for all of them."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.rendering import PROJECT, Read, make_publication, templates
from worker.errors import SourceError
from worker.render.registry import KINDS
from worker.render.scheme import Scheme, forced
from worker.render.specimen import Specimen, specimens
from worker.sources.samples import read_sample

GOLDEN = Path(__file__).parent / "golden" / "blocks"


@cache
def made(block: str) -> tuple[Specimen, ...]:
    return tuple(specimens(block, read_sample(PROJECT, block), make_publication(), templates()))


def lines(html: str) -> str:
    """The body alone, one tag a line: the head is the same for all."""
    return re.sub(r"(?<=>)(?=<)", "\n", html[html.index("<body") :])


@pytest.mark.parametrize("block", KINDS)
def test_a_block_looks_as_its_golden_files_say(block: str) -> None:
    """UPDATE_GOLDEN=1 writes them anew; look at the difference before you commit it."""
    assert made(block)
    for one in made(block):
        for suffix, text in ((".html", lines(one.edition.html)), (".txt", one.edition.text)):
            path = GOLDEN / f"{one.name}{suffix}"
            if os.environ.get("UPDATE_GOLDEN"):
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            assert path.read_text(encoding="utf-8") == text


def test_there_is_no_golden_file_or_sample_of_a_block_that_is_gone() -> None:
    names = {one.name for block in KINDS for one in made(block)}
    assert {path.stem for path in GOLDEN.iterdir()} == names
    assert {path.stem for path in (PROJECT / "emails" / "samples").iterdir()} == set(KINDS)


def test_each_sample_holds_its_block_in_its_template() -> None:
    for block in KINDS:
        assert re.search(rf"^::: {block}\b", read_sample(PROJECT, block).body, re.MULTILINE)


def test_a_block_for_one_plan_has_a_specimen_for_that_plan_alone() -> None:
    assert [one.name for one in made("pitch")] == ["pitch-free"]
    assert [one.name for one in made("discount")] == ["discount-paid"]
    assert [one.name for one in made("paywall")] == ["paywall-free", "paywall-paid"]
    assert [one.name for one in made("journal")] == ["journal"]


def test_a_block_without_a_sample_is_an_error_that_says_which_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read_sample(tmp_path, "journal")
    assert "emails/samples/journal.md" in caught.value.fix


@pytest.mark.parametrize("block", [name for name, kind in KINDS.items() if kind.view])
def test_every_picture_of_a_block_has_words_and_every_table_a_role(block: str) -> None:
    for one in made(block):
        read = Read(one.edition.html)
        assert all(image["alt"] for image in read.every("img"))
        assert all(table.get("role") == "presentation" for table in read.every("table"))


def test_a_scheme_is_forced_by_answering_its_query_and_declaring_it_alone() -> None:
    html = made("journal")[0].edition.html
    dark, light = forced(html, Scheme.DARK), forced(html, Scheme.LIGHT)
    for made_of in (dark, light):
        assert "prefers-color-scheme" not in made_of
        assert "light dark" not in made_of
    assert "color-scheme:dark" in dark
    assert "color-scheme:light" in light
    assert "@media (min-width:0px)" in dark
    assert "@media (max-width:0px)" in light
    assert re.sub(r"<style.*?</style>|<meta[^>]*>", "", dark, flags=re.DOTALL) == re.sub(
        r"<style.*?</style>|<meta[^>]*>", "", light, flags=re.DOTALL
    )
