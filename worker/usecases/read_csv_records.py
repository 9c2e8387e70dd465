"""Take lines apart into the cells of a CSV, record by record, streaming; a bad record never takes others with it.

Knows quotes, delimiters and line numbers, and nothing of what a cell means.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from worker.usecases.read_text_file import LINE_LIMIT

DELIMITERS = ",;\t"
RECORD_LINES = 20  # a quotation mark open for longer is one somebody forgot; the lines after it are read again
_ADDRESS = re.compile(r"[^\s@]@[^\s@]")
_OPEN = "a quotation mark is opened and not closed"


class Record(NamedTuple):
    """One record: its first line's number, its cells, or why there are none, and the line as it stood."""

    line: int
    cells: Sequence[str] | None
    problem: str
    raw: str


def each_record(
    lines: Iterator[str], delimiter: str, first_line: int = 1, width: int | None = None, most_lines: int = RECORD_LINES
) -> Iterator[Record]:
    """Every record, blank lines among them as one of no filled cell.

    `width` is the number of columns, where a quotation mark may be forgotten: a record of several lines is then one of
    those if it has more cells than that, or if one of its later lines could be a record of its own.
    """
    waiting: deque[str] = deque()
    number = first_line
    while first := (waiting.popleft() if waiting else next(lines, "")):
        if '"' not in first and len(first) < LINE_LIMIT:  # nearly every line
            yield Record(number, first.rstrip("\r\n").split(delimiter), "", first)
            number += 1
            continue
        taken = [first]
        while is_open(taken) and len(taken) < most_lines:
            more = waiting.popleft() if waiting else next(lines, "")
            if not more:
                break
            taken.append(more)
        records, problem = _take_apart(taken, delimiter, number, width)
        if problem:
            yield Record(number, None, problem, first)
            waiting.extendleft(reversed(taken[1:]))
            number += 1
        else:
            yield from records
            number += len(taken)


def separator_of(line: str) -> str:
    """The delimiter that Excel's own first line names, `sep=;`; empty for any other line. ValueError for one that is none."""
    written = line.strip("\r\n").strip('"')
    if not written.casefold().startswith("sep="):
        return ""
    given = written[len("sep=") :] or "\t"
    if given != "\t" and (len(given) > 1 or given.isalnum() or not given.isprintable() or given in "\"'@"):
        raise ValueError(f"names {given!r} as what stands between cells, which can be one sign alone")
    return given


def header_lines(first: str, lines: Iterator[str]) -> list[str]:
    """The line a header begins with, and those after it for as long as a quotation mark is open."""
    taken = [first]
    while is_open(taken) and len(taken) < RECORD_LINES and (more := next(lines, "")):
        taken.append(more)
    return taken


def header_cells(taken: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """The cells of the first record, and how many lines it has; none of what is no CSV."""
    if len(taken[0]) >= LINE_LIMIT:
        return [], 0
    reader = csv.reader(taken, delimiter=delimiter)
    try:
        return next(reader, []), reader.line_num
    except csv.Error:
        return [], 0


def has_taken_rows(header: Sequence[str]) -> bool:
    """Whether a header of several lines is one whose quotation mark somebody forgot."""
    return len(header) > 1 and (is_open(header) or any(holds_address(line) for line in header[1:]))


def holds_address(text: str) -> bool:
    """Whether there is something like an address in it. A heading may well ask for somebody's @handle."""
    return bool(_ADDRESS.search(text))


def _take_apart(taken: Sequence[str], delimiter: str, number: int, width: int | None) -> tuple[list[Record], str]:
    if len(taken[0]) >= LINE_LIMIT:
        return [], f"the line is longer than {LINE_LIMIT:,} characters"
    if is_open(taken):
        return [], _OPEN
    records, before = [], 0
    reader = csv.reader(taken, delimiter=delimiter)
    try:
        for cells in reader:
            records.append(Record(number + before, cells, "", taken[before]))
            before = reader.line_num
    except csv.Error as wrong:
        return [], f"cannot be read as CSV: {wrong}"
    if len(taken) > 1 and width is not None and _swallowed(taken, records, delimiter, width):
        return [], _OPEN
    return records, ""


def _swallowed(taken: Sequence[str], records: Sequence[Record], delimiter: str, width: int) -> bool:
    """Whether a cell of several lines took others' records into it."""
    begun = {one.line for one in records}
    first = min(begun)
    inside = [line for place, line in enumerate(taken) if first + place not in begun]
    return any(any((one.cells or ())[width:]) for one in records) or any(
        "@" in line and line.count(delimiter) >= width - 1 for line in inside
    )


def is_open(lines: Sequence[str]) -> bool:
    """Whether a quotation mark in these lines waits for the one that closes it."""
    return sum(line.count('"') for line in lines) % 2 == 1
