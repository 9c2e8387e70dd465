"""`[utm]` in publication.toml, and what names of a publication may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.test_sources import PUBLICATION, write
from worker import sources
from worker.domain.utm import Utm
from worker.errors import SourceError


def read(project: Path, more: str) -> Utm | None:
    write(project, "content/publication.toml", PUBLICATION + more)
    return sources.read_publication(project).utm


def test_without_the_table_links_stay_as_they_are(tmp_path: Path) -> None:
    assert read(tmp_path, "") is None


def test_the_source_is_enough_and_the_domain_is_the_publications_own(tmp_path: Path) -> None:
    assert read(tmp_path, '[utm]\nsource = "letter"\n') == Utm("letter", ("t.example.com",), "email", "{slug}")


def test_everything_may_be_said(tmp_path: Path) -> None:
    table = '[utm]\nsource = "a"\nmedium = "b"\ncampaign = "c-{slug}"\ndomains = ["Shop.Example.com.", "example.org"]\n'
    utm = read(tmp_path, table)
    assert utm == Utm("a", ("shop.example.com", "example.org"), "b", "c-{slug}")
    assert utm.parameters("x") == (("utm_source", "a"), ("utm_medium", "b"), ("utm_campaign", "c-x"))


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('[utm]\nmedium = "x"\n', "source"),
        ('[utm]\nsource = ""\n', "source"),
        ('[utm]\nsource = "a"\nterm = "x"\n', "term"),
        ('[utm]\nsource = "a"\ncampaign = "{title}"\n', "campaign"),
        ('[utm]\nsource = "a"\ndomains = "example.com"\n', "domains"),
        ('[utm]\nsource = "a"\ndomains = []\n', "domains"),
        ('[utm]\nsource = "a"\ndomains = ["https://example.com/"]\n', "domains"),
    ],
)
def test_what_cannot_be_used_names_the_key(tmp_path: Path, table: str, key: str) -> None:
    with pytest.raises(SourceError, match=key) as caught:
        read(tmp_path, table)
    assert caught.value.fix


@pytest.mark.parametrize("key", ["name", "author"])
def test_a_name_that_would_begin_another_header_is_refused_with_its_line(tmp_path: Path, key: str) -> None:
    write(tmp_path, "content/publication.toml", PUBLICATION.replace(f'{key} = "', f'{key} = "A\\nBcc: x'))
    with pytest.raises(SourceError, match=f"{key} must stand on one line") as caught:
        sources.read_publication(tmp_path)
    assert caught.value.line in (1, 2)
