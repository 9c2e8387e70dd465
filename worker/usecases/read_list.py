"""Open somebody's list, whatever wrote it, and read it row by row: a file in, rows and refusals out, streaming.

Puts together encoding, delimiter, header, format and cells. Touches no database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

import orjson

from worker.errors import SourceError
from worker.usecases.export_columns import unguard
from worker.usecases.import_formats import recognise, require_columns_once
from worker.usecases.import_formats.form import Cells, Format, Header, Reader, column_name
from worker.usecases.import_rows import ReadRow, RefusedRow
from worker.usecases.read_cells import clean
from worker.usecases.read_csv_records import (
    DELIMITERS,
    RECORD_LINES,
    each_record,
    has_taken_rows,
    header_cells,
    header_lines,
    holds_address,
    separator_of,
)
from worker.usecases.read_text_file import FileForm, each_line, look_at_file, open_lines

#: The column a file of refused rows has besides its own; it is not read.
WHY = "refused_because"
_WHY = column_name(WHY)
_OWN_RECORD_LINES = 10_000  # nobody forgets a quotation mark in a file we wrote
_ADDRESSES = ("address", "email", "email address", "user email address")


@dataclass(frozen=True)
class ListForm:
    """What a file turned out to be. `header`: its columns as written, without that of refusals; empty for JSON Lines."""

    format: str
    encoding: str
    delimiter: str  # `,`, `;`, a tab, or empty for JSON Lines
    line_ends: str
    header: tuple[str, ...]


class OpenedList:
    """An open list: what it is, its rows once, and how far it has been read."""

    def __init__(self, name: str, file: FileForm, text: IO[str], mapping: Mapping[str, str] | None) -> None:
        self.size = file.size
        self._name, self._text, self._encoding = name, text, file.encoding
        self._lines: Iterator[str] = each_line(text)
        self._mapping = mapping
        self._line = 0  # how many were taken
        first = self._next_filled()
        self._is_json = first.startswith("{")
        if self._is_json:
            delimiter, names, self._ahead = "", _keys(first, name, self._line), [first]
            self._line -= 1
        else:
            delimiter, names, self._ahead = *self._read_header(first), []
        self._columns = tuple(column_name(one) for one in names)
        self._skipped = self._columns.index(_WHY) if _WHY in self._columns else None
        self._format, self._reader = self._recognise(delimiter)
        written = tuple(one for place, one in enumerate(names) if place != self._skipped)
        self.form = ListForm(
            self._format.name, file.encoding, delimiter, file.line_ends, () if self._is_json else written
        )

    def bytes_read(self) -> int:
        """How much of the file has been read, roughly, out of `size`."""
        return self._text.buffer.tell() if hasattr(self._text, "buffer") else 0

    def rows(self) -> Iterator[ReadRow]:
        """Every row after the header, blank ones left out. The order is the file's."""
        return self._json_rows() if self._is_json else self._csv_rows()

    def _csv_rows(self) -> Iterator[ReadRow]:
        columns = self._columns
        most = RECORD_LINES
        change, skipped, width = clean, self._skipped, len(columns)
        same_names = frozenset(name for name, times in Counter(columns).items() if times > 1)
        if self._format.keeps_text:
            change, most = unguard, _OWN_RECORD_LINES
        records = each_record(
            self._lines, self.form.delimiter, self._line + 1, None if self._format.keeps_text else width, most
        )
        for line, cells, problem, raw in records:
            if cells is None:
                yield RefusedRow(line, "", problem, None, raw)
                continue
            text = "".join(cells)
            if not text or text.isspace():
                continue
            wrong = self._unusable(text) or _too_many(cells, width)
            named = {name: change(cell) for name, cell in zip(columns, cells, strict=False)}
            if same_names:
                named |= _joined(same_names, columns, cells)
            kept = cells if skipped is None else [cell for place, cell in enumerate(cells) if place != skipped]
            yield self._row(line, named, wrong, kept, raw)

    def _json_rows(self) -> Iterator[ReadRow]:
        for line, text in enumerate(chain(self._ahead, self._lines), self._line + 1):
            if text.isspace():
                continue
            try:
                given = _object(text)
                named = {column_name(key): _as_cell(value) for key, value in given.items()}
                if len(named) < len(given):
                    raise ValueError("has one column twice, in two spellings")
            except ValueError as broken:
                yield RefusedRow(line, "", str(broken), None, text)
                continue
            named.pop(_WHY, None)
            if not self._format.keeps_text:
                named = {name: clean(cell) for name, cell in named.items()}
            wrong = self._unusable("".join(named.values())) or self._late(named)
            yield self._row(line, named, wrong, None, text)

    def _row(self, line: int, named: Cells, wrong: str, cells: Sequence[str] | None, raw: str) -> ReadRow:
        if not wrong:
            try:
                row = self._reader(line, named)
            except ValueError as refused:
                wrong = str(refused)
            else:
                if row.address.isascii() or self._encoding != "cp1252":
                    return row
                wrong = "the address has letters beyond ASCII in a file that is not UTF-8; save the file as UTF-8"
        return RefusedRow(line, _address(named), wrong, None if cells is None else tuple(cells), raw)

    def _late(self, named: Cells) -> str:
        """Why an object cannot be used that has what the first one had not: nobody has looked whether it says no."""
        late = [name for name, cell in named.items() if cell and name not in self._columns]
        return f'has "{late[0]}", which the first line has not; put it there too, empty' if late else ""

    def _unusable(self, text: str) -> str:
        """Why no row can be made of this text, whatever it says."""
        if "\0" in text:
            return "holds a NUL character"
        if text.isascii():
            return ""
        try:
            text.encode()
        except UnicodeEncodeError:
            return f"is not {'UTF-8' if self._encoding != 'cp1252' else 'cp1252'}; save the file as UTF-8 and import it again"
        broken = self._encoding.startswith("utf-16") and "\ufffd" in text
        return "holds half a character; save the file as UTF-8 and import it again" if broken else ""

    def _next_filled(self) -> str:
        for line in self._lines:
            self._line += 1
            if line.strip():
                if line.lstrip().startswith("[{"):
                    raise SourceError("is one JSON list", file=self._name, line=1, fix="write one JSON object a line")
                return line
        raise SourceError(
            "is empty", file=self._name, line=1, fix="begin with a header such as address,name,plan,status"
        )

    def _read_header(self, first: str) -> tuple[str, list[str]]:
        """The delimiter and the columns. Excel's own first line, `sep=;`, says the delimiter."""
        try:
            given = separator_of(first)
        except ValueError as wrong:
            fix = "save it with commas, semicolons or tabs"
            raise SourceError(str(wrong), file=self._name, line=self._line, fix=fix) from None
        if given:
            first = self._next_filled()
        taken = header_lines(first, self._lines)
        self._line += len(taken) - 1
        for delimiter in given or DELIMITERS:
            names, lines = header_cells(taken, delimiter)
            if recognise(self._header(names), self._mapping):
                self._keep_rows(taken, lines)
                return delimiter, names
        raise self._not_known(header_cells(taken, given or max(DELIMITERS, key=first.count))[0])

    def _keep_rows(self, taken: Sequence[str], lines: int) -> None:
        """Give back what was read ahead and is no part of the header. SourceError where a header has taken rows into it."""
        if has_taken_rows(taken[:lines]):
            raise SourceError(
                "a quotation mark is opened in the header and not closed",
                file=self._name,
                line=self._line - len(taken) + 1,
                fix="close it, or take it out",
            )
        self._lines = chain(taken[lines:], self._lines)
        self._line -= len(taken) - lines

    def _header(self, names: Sequence[str]) -> Header:
        kept = [one for one in map(column_name, names) if one != _WHY]
        return Header(tuple(kept), self._name)

    def _recognise(self, delimiter: str) -> tuple[Format, Reader]:
        header = self._header(self._columns)
        known = recognise(header, self._mapping)
        if known is None:
            raise self._not_known(self._columns)
        require_columns_once(known, header, 1)
        return known, known.prepare(header)

    def _not_known(self, names: Sequence[str]) -> SourceError:
        if any(holds_address(one) for one in names):
            return SourceError(
                "begins with an address, not with a header",
                file=self._name,
                line=1,
                fix="put a first line: address,name",
            )
        shown = ", ".join(one for one in names if one)[:300]
        return SourceError(
            f"the first line names no column address or email; it names {shown}",
            file=self._name,
            line=1,
            fix='say which column is which: --map "Their column=address,Another=name"',
        )


@contextmanager
def open_list(path: Path, mapping: Mapping[str, str] | None = None, name: str = "") -> Iterator[OpenedList]:
    """Open a list. Raises SourceError for a file that cannot be read, or whose header is not known."""
    form = look_at_file(path)
    with open_lines(path, form) as text:
        yield OpenedList(name or path.name, form, text, mapping)


def _joined(same_names: frozenset[str], columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells of columns that have one name, or none, each on a line: none hides what another one says."""
    lines: dict[str, dict[str, None]] = {name: {} for name in same_names}
    for name, cell in zip(columns, cells, strict=False):
        if name in same_names and (text := clean(cell)):
            lines[name][text] = None
    return {name: "\n".join(found) for name, found in lines.items()}


def _too_many(cells: Sequence[str], width: int) -> str:
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        return f"has {len(cells)} cells under {width} columns; is a cell with a comma unquoted?"
    return ""


def _address(named: Cells) -> str:
    found = next((named[name] for name in _ADDRESSES if named.get(name)), "")
    return found or next((cell for cell in named.values() if "@" in cell), "")


def _keys(first: str, name: str, line: int) -> list[str]:
    try:
        return list(_object(first))
    except ValueError as wrong:
        raise SourceError(str(wrong), file=name, line=line, fix="write one JSON object a line") from None


def _object(text: str) -> dict[str, object]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("is not one JSON object") from None
    if not isinstance(found, dict):
        raise ValueError("is not one JSON object")
    return found


def _as_cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode()
