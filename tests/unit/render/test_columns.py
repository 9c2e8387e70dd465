"""Columns of plain text: how wide characters are, where lines break, and tables."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.render.columns import padded, width, wrap
from worker.render.tables import as_columns, as_records


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("plain", 5),
        ("’“”…—·•", 7),
        ("日本語", 6),
        ("ｆｕｌｌ", 8),
        ("한글", 4),
        ("e\u0301", 1),
        ("👩", 2),
        ("👩🏽‍🌾", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("❤", 1),
        ("❤️", 2),
        ("1️⃣", 2),
        ("🇩🇪", 2),
        ("✍🏾", 1),
        ("☐☑", 2),
        ("a\u200bb", 2),
        ("שלום", 4),
        ("", 0),
    ],
)
def test_a_character_is_as_wide_as_a_terminal_shows_it(text: str, columns: int) -> None:
    assert width(text) == columns


def test_text_without_blanks_breaks_between_ideographs_alone() -> None:
    lines = wrap("日本語の文章" * 20).split("\n")
    assert all(width(line) <= 78 for line in lines)
    assert "".join(lines) == "日本語の文章" * 20
    assert len(lines) == 4


def test_a_line_never_begins_with_what_closes_nor_ends_with_what_opens() -> None:
    for room in range(4, 40):
        for line in wrap("彼は「そうです」と言った。（本当に？）ええ、『はい』！" * 4, width=room).split("\n"):
            assert line[0] not in "、。」』）？！"
            assert line[-1] not in "「『（"


def test_an_address_is_one_word_whatever_it_is_made_of() -> None:
    address = "https://例え.example/日本語/ページ?名前=値" * 4
    assert address in wrap(f"見て {address} です").split("\n")
    assert "mailto:" + "名" * 60 in wrap("a mailto:" + "名" * 60)


def test_a_non_breaking_space_does_not_break() -> None:
    assert wrap("a\u00a0b " * 40).count("\u00a0") == 40
    assert all("\u00a0" in line for line in wrap("日\u00a0本 " * 40).split("\n"))


@settings(deadline=None)
@given(st.text(alphabet="ab c\u00a0日本、。「」👩\u200d🏽️é-’", max_size=200), st.integers(1, 90))
def test_wrapping_loses_nothing_and_keeps_to_its_width(text: str, room: int) -> None:
    lines = wrap(text, "> ", "> ", room).split("\n")
    assert "".join(line[2:].replace(" ", "") for line in lines) == text.replace(" ", "")
    for line in lines:
        if width(line) > room:  # a single word, or what may not be parted from its marks
            assert " " not in line[2:].strip(" ")


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab日👩 ’", min_size=1, max_size=12), min_size=1, max_size=5), st.integers(1, 4))
def test_columns_of_a_table_begin_below_each_other(head: list[str], rows: int) -> None:
    cells = [[f"{cell}{row}" for cell in head] for row in range(rows)]
    made = as_columns(head, cells, [""] * len(head), 78)
    if not made:
        assert sum(max(width(head[at]), width(cells[0][at])) for at in range(len(head))) + 2 * (len(head) - 1) > 78
        return
    lines = made.split("\n")
    assert len(lines) == rows + 2
    starts = [at for at in range(len(lines[1])) if lines[1][at] == "-" and lines[1][at - 1 : at] != "-"]
    assert len(starts) == len(head)
    for row, line in zip(cells, lines[2:], strict=True):
        for cell, start in zip(row, starts, strict=True):
            before = line[: line.index(cell, 0)] if len(head) == 1 else None
            assert cell in line
            assert before is None or width(before) == start
    assert all(width(line) <= 78 for line in lines)


def test_cells_stand_where_the_table_says() -> None:
    made = as_columns(
        ["Thing", "Price", "Note"], [["Paint", "12", "x"], ["日本", "3", "long"]], ["", "right", "center"], 78
    )
    assert made == "Thing  Price  Note\n-----  -----  ----\nPaint     12   x\n日本       3  long"
    assert padded("a", 4, "center") == " a  "


def test_a_table_wider_than_the_page_is_told_row_by_row() -> None:
    long = "words " * 12
    assert as_columns(["A", "B"], [[long, long]], ["", ""], 78) == ""
    made = as_records(["A", "B", ""], [[long.strip(), "b", "c"], ["", "d", ""]], 78)
    assert made == f"A: {long.strip()}\nB: b\nc\n\nB: d"
    assert as_records(["A", "B"], [], 10) == "A  B"
    assert as_records(["A", "B", "", "D"], [["", "b", "", ""], ["", "", "c", ""]], 10) == "A  D\n\nB: b\n\nc"
