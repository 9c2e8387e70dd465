"""Charts as inline SVG: bars of one story within one another, and columns by day. Values in, text out; nothing is fetched.

Colours are the page's variables, so light and dark come from its style sheet. Every figure is also written as a number: a
chart alone tells a screen reader nothing, so each has a sentence for a label, and the page a table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

WIDTH = 720
_LABEL, _GAP, _BAR = 215, 14, 22
_NUMBERS = 170


@dataclass(frozen=True, slots=True)
class Nested:
    """One row of bars, each within the one before: values fall from left to right, or nearly so. None: nobody counted."""

    label: str
    values: tuple[int | None, ...]


def nested_bars(rows: Sequence[Nested], parts: Sequence[str], label: str) -> str:
    """A row for each; `parts` names the values, which are drawn in the classes part-0, part-1, ..."""
    most = max([1, *(value for row in rows for value in row.values if value)])
    room = WIDTH - _LABEL - _NUMBERS
    height = len(rows) * (_BAR + _GAP) + _GAP
    drawn = []
    for number, row in enumerate(rows):
        top = _GAP + number * (_BAR + _GAP)
        middle = top + _BAR / 2
        drawn.append(f'<text class="name" x="{_LABEL - 12}" y="{middle}" text-anchor="end">{escape(row.label)}</text>')
        for part, value in enumerate(row.values):
            inset = part * 4  # each within the one before, so that equal ones are both seen
            if not value:
                continue
            wide = max(2.0, room * value / most)
            drawn.append(
                f'<rect class="part-{part}" x="{_LABEL}" y="{top + inset}" width="{wide:.1f}" height="{_BAR - 2 * inset}" rx="2">'
                f"<title>{escape(row.label)}: {value:,} {escape(parts[part])}</title></rect>"
            )
        said = " · ".join("–" if value is None else f"{value:,}" for value in row.values)
        drawn.append(f'<text class="figure" x="{WIDTH}" y="{middle}" text-anchor="end">{said}</text>')
    return _svg(height, label, drawn)


def day_columns(days: Sequence[tuple[date, int]], first: date, last: date, label: str) -> str:
    """A column for each day from `first` to `last`; days outside are left away, and said in the page's table."""
    span = max(1, (last - first).days + 1)
    height, bottom, left = 180, 150, 40
    step = (WIDTH - left) / span
    most = max([1, *(number for _, number in days)])
    drawn = [f'<line class="axis" x1="{left}" y1="{bottom}" x2="{WIDTH}" y2="{bottom}"/>']
    for share in _ticks(most):
        y = bottom - (bottom - 20) * share / most
        drawn.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        drawn.append(f'<text class="figure" x="{left - 8}" y="{y:.1f}" text-anchor="end">{share:,}</text>')
    for day, number in days:
        if first <= day <= last:
            tall = (bottom - 20) * number / most
            x = left + (day - first).days * step
            drawn.append(
                f'<rect class="part-2" x="{x + step * 0.12:.1f}" y="{bottom - tall:.1f}" width="{step * 0.76:.1f}" '
                f'height="{tall:.1f}"><title>{day:%d %B}: {number:,}</title></rect>'
            )
    drawn.append(f'<text class="name" x="{left}" y="{bottom + 20}">{first.day} {first:%B}</text>')
    drawn.append(f'<text class="name" x="{WIDTH}" y="{bottom + 20}" text-anchor="end">{last.day} {last:%B}</text>')
    return _svg(height, label, drawn)


def _ticks(most: int) -> list[int]:
    """The greatest value and, where they differ, its half."""
    return sorted({most, most // 2} - {0})


def _svg(height: float, label: str, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">' + "".join(drawn) + "</svg>"
    )
