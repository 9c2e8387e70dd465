"""Tables: which words may break in a cell, and columns of plain text.

A phone shows about 275 pixels of a card. What fits into an equal share of them is never broken; a longer word may be,
so that no table makes a mail wider than its screen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from markupsafe import escape

from worker.render.columns import padded, width, wrap

Row = Sequence[str]

_BETWEEN = "  "  # columns of plain text
_PHONE = 275  # pixels, within a card on a phone of 375
_CELL_PADDING = 10
_LETTER = 9  # pixels of an average letter at 16 pixels

_BREAK = '<span style="overflow-wrap:anywhere;word-break:break-word">'


def breakable(text: str, columns: int) -> str:
    """Text of a cell as HTML, with leave to break in words that are too long for a table of so many columns."""
    parts = _long_words(columns).split(text)
    return "".join(f"{_BREAK}{escape(part)}</span>" if at % 2 else escape(part) for at, part in enumerate(parts))


@lru_cache(maxsize=32)
def _long_words(columns: int) -> re.Pattern[str]:
    room = max(2, (_PHONE // columns - _CELL_PADDING) // _LETTER)
    return re.compile(rf"(\S{{{room + 1},}})")


def as_columns(head: Row, rows: Sequence[Row], aligns: Sequence[str], room: int) -> str:
    """A table of plain text in columns, or an empty string where it is wider than `room`."""
    columns = [max(width(cell) for cell in cells) for cells in zip(head, *rows, strict=True)]
    if sum(columns) + len(_BETWEEN) * (len(columns) - 1) > room or any(
        "\n" in cell for row in (head, *rows) for cell in row
    ):
        return ""
    under = ["-" * max(1, column) for column in columns]
    lines = []
    for row in (head, under, *rows):
        cells = (padded(cell, column, align) for cell, column, align in zip(row, columns, aligns, strict=True))
        lines.append(_BETWEEN.join(cells).rstrip())
    return "\n".join(lines)


def as_records(head: Row, rows: Sequence[Row], room: int) -> str:
    """The same where no line is wide enough: each row as lines `head: cell`, an empty line between rows.

    Before them stand the heads of columns that hold nothing.
    """
    empty = [name for at, name in enumerate(head) if name and not any(row[at] for row in rows)]
    records = (
        "\n".join(
            wrap(": ".join(part for part in (name, cell) if part), later="  ", width=room)
            for name, cell in zip(head, row, strict=True)
            if cell
        )
        for row in rows
    )
    return "\n\n".join(filter(None, [wrap(_BETWEEN.join(empty), width=room), *records]))
