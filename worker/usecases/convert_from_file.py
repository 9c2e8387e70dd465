"""Convert the applicants in a file: a CSV as a form or a shop exports it, read row by row, however long it is.

Each chunk is one transaction, and reading the file again changes nothing: what was stopped is simply run again. A bad row
is told by its line and keeps no other from being read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from worker.domain.address import address_key
from worker.errors import SourceError
from worker.store.engine import Connection, Engine, write
from worker.store.former_addresses import readers_before
from worker.store.launches import convert_all, who_converted
from worker.store.subscribers import by_address_keys
from worker.usecases.read_csv_records import (
    DELIMITERS,
    Record,
    each_record,
    has_taken_rows,
    header_cells,
    header_lines,
    holds_address,
    separator_of,
)
from worker.usecases.read_text_file import FileForm, each_line, look_at_file, open_lines

CHUNK = 1_000  # rows in one transaction
TOLD = 200  # lines that are named; beyond them they are counted

_COLUMNS = ("address", "email", "e-mail", "mail", "email address", "e-mail address", "mail address", "your email")


@dataclass(slots=True)
class Applicants:
    """What became of the rows. `rows` = `converted` + `already` + `unknown` + `bad`; lines are those of the file."""

    column: str
    rows: int = 0
    converted: int = 0
    already: int = 0  # before, or on an earlier row of this file
    unknown: int = 0  # no subscriber has this address, or had it
    bad: int = 0
    unknown_lines: list[int] = field(default_factory=list)
    bad_lines: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, why: str) -> None:
        """Count a row that cannot be used."""
        self.bad += 1
        if len(self.bad_lines) < TOLD:
            self.bad_lines.append((line, why))


def convert_from_file(
    engine: Engine, launch_id: str, path: Path, now: datetime, *, column: str = "", dry_run: bool = False
) -> Applicants:
    """Convert everybody in the file whose address is a subscriber's. `column` names the one with addresses; empty: the
    one that is called so. Raises SourceError for a file that cannot be read or has no such column."""
    form = look_at_file(path)
    with open_lines(path, form) as opened:
        lines = each_line(opened)
        header = _header(path, lines, column)
        seen = Applicants(header.names[header.place] if header.names else "the first")
        records = each_record(chain(header.ahead, lines), header.delimiter, header.next_line, len(header.names) or None)
        foreseen: set[int] | None = set() if dry_run else None
        rows = _rows(records, header.place, form, seen)
        while chunk := list(islice(rows, CHUNK)):
            _take(engine, launch_id, chunk, now, seen, foreseen)
    return seen


def _take(
    engine: Engine,
    launch_id: str,
    chunk: Sequence[tuple[int, str]],
    now: datetime,
    seen: Applicants,
    foreseen: set[int] | None,
) -> None:
    """`foreseen`: a dry run's, whom earlier chunks would have converted; None: this is no dry run."""

    def take(connection: Connection) -> tuple[list[int], int]:
        found = by_address_keys(connection, {key for _, key in chunk})
        before = readers_before(connection, {key for _, key in chunk} - found.keys())
        ids = {subscriber.id for subscriber in found.values()} | set(before.values())
        if foreseen is not None:
            fresh = ids - who_converted(connection, launch_id, ids) - foreseen
            foreseen.update(fresh)
            new = len(fresh)
        else:
            new = len(convert_all(connection, launch_id, ids, "csv", now))
        return [line for line, key in chunk if key not in found and key not in before], new

    unknown, new = write(engine, take)
    seen.unknown += len(unknown)
    seen.unknown_lines += unknown[: max(0, TOLD - len(seen.unknown_lines))]
    seen.converted += new
    seen.already += len(chunk) - len(unknown) - new


def _rows(records: Iterator[Record], place: int, form: FileForm, seen: Applicants) -> Iterator[tuple[int, str]]:
    """Line and address key of every row that can be used; blank ones are no rows."""
    for record in records:
        if record.cells is not None and not any(cell.strip() for cell in record.cells):
            continue
        seen.rows += 1
        if record.cells is None:
            seen.refuse(record.line, record.problem)
            continue
        address = record.cells[place].strip() if place < len(record.cells) else ""
        if not address:
            seen.refuse(record.line, "has no address")
            continue
        try:
            if not address.isprintable():
                raise ValueError(f"holds bytes that are not {form.encoding}, or what no address does")
            yield record.line, address_key(address)
        except ValueError as wrong:
            seen.refuse(record.line, str(wrong))


@dataclass(frozen=True, slots=True)
class _Header:
    """`names` is empty for a bare list of addresses, which has no header. `next_line`: the number of the first line after it;
    `ahead`: lines that were read and are no part of it."""

    delimiter: str
    names: list[str]
    place: int
    next_line: int
    ahead: Sequence[str] = ()


def _header(path: Path, lines: Iterator[str], column: str) -> _Header:
    """What the file begins with, and which column holds the addresses."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    number, first = next(numbered, (0, ""))
    try:
        given = separator_of(first)
    except ValueError as wrong:
        fix = "save it with commas, semicolons or tabs"
        raise SourceError(str(wrong), file=path.name, line=number, fix=fix) from None
    if given:
        number, first = next(numbered, (0, ""))
    if not first:
        raise SourceError("is empty", file=path.name, fix="begin with a line of names, one of them email")
    taken = header_lines(first, lines)
    delimiter = given or max(DELIMITERS, key=first.count)
    cells, held = header_cells(taken, delimiter)
    if has_taken_rows(taken[:held]):
        fix = "close it, or take it out"
        raise SourceError("a quotation mark is opened and not closed", file=path.name, line=number, fix=fix)
    names = [" ".join(cell.split()) for cell in cells]
    found = _places(names, column)
    if not found and any(holds_address(name) for name in names):
        if len(names) > 1:
            fix = 'put a line of names before it, one of them email; or say which it is: --column "Your address"'
            raise SourceError("begins with an address, not with names", file=path.name, line=number, fix=fix)
        return _Header(delimiter, [], 0, number, taken)
    return _Header(delimiter, names, _only(path, names, found, column, number), number + held, taken[held:])


def _places(names: Sequence[str], column: str) -> list[int]:
    wanted = [" ".join(column.split()).lower()] if column else list(_COLUMNS)
    return [place for place, name in enumerate(names) if name.lower() in wanted]


def _only(path: Path, names: Sequence[str], found: Sequence[int], column: str, line: int) -> int:
    if len(found) == 1:
        return found[0]
    what = "no column" if not found else "more than one column"
    shown = ", ".join(name for name in names if name)[:300]
    raise SourceError(
        f"has {what} {column or 'email'}; it has {shown}",
        file=path.name,
        line=line,
        fix='say which one holds the addresses: --column "Your address"',
    )
