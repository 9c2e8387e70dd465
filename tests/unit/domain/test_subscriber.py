"""Names as they are kept."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.subscriber import NAME_LIMIT, cut_name, first_name

names = st.text(max_size=250) | st.text(st.sampled_from("ab \t\n\r\x00\u2028é🌻👩\u200d"), max_size=250)


@given(names)
def test_a_kept_name_is_one_line_of_at_most_a_hundred_characters(name):
    kept = cut_name(name)
    assert len(kept) <= NAME_LIMIT
    assert not {unicodedata.category(character) for character in kept} & {"Cc", "Zl", "Zp"}
    assert kept == kept.strip()
    assert len(kept.splitlines()) <= 1


@given(names)
def test_keeping_a_kept_name_changes_nothing(name):
    assert cut_name(cut_name(name)) == cut_name(name)


@given(names)
def test_what_is_cut_ends_with_an_ellipsis_and_what_is_short_is_whole(name):
    words = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in name).split())
    kept = cut_name(name)
    if len(words) <= NAME_LIMIT:
        assert kept == words
    else:
        assert kept.endswith("…")
        assert words.startswith(kept[:-1])


@pytest.mark.parametrize(
    ("name", "first"),
    [("Inês Guimarães", "Inês"), ("  Ada  ", "Ada"), ("", ""), (" \t", ""), ("田中", "田中"), ("李\u3000小龙", "李")],
)
def test_a_first_name_is_the_first_word(name, first):
    assert first_name(name) == first
