"""Convert the applicants in a file: a CSV as a form or a shop exports it, read row by row, however long it is.

Each chunk is one transaction, and reading the file again changes nothing: what was stopped is simply run again. A bad row
is told by its line and keeps no other from being read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from worker.domain.address import address_key
from worker.errors import SourceError
from worker.store.engine import Connection, Engine, write
from worker.store.former_addresses import readers_before
from worker.store.launches import convert_all, who_converted
from worker.store.subscribers import by_address_keys
from worker.usecases.read_csv_records import DELIMITERS, Record, each_record
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
        delimiter, names, first_line, ahead = _header(path, lines)
        place = _place(path, names, column, first_line) if names else 0
        seen = Applicants(names[place] if names else "the first")
        records = each_record(_with(ahead, lines), delimiter, first_line + bool(names), len(names) or None)
        foreseen: set[int] | None = set() if dry_run else None
        rows = _rows(records, place, form, seen)
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


def _header(path: Path, lines: Iterator[str]) -> tuple[str, list[str], int, str]:
    """The delimiter, the columns' names, the header's line, and a line that was read and is none: a bare list of addresses
    has no header."""
    line, number = next(lines, ""), 1
    given = line.strip().lower().removeprefix("sep=") if line.lower().startswith("sep=") else ""
    while line and (not line.strip() or (given and number == 1)):
        line, number = next(lines, ""), number + 1
    if not line.strip():
        raise SourceError("is empty", file=path.name, fix="begin with a line of names, one of them email")
    delimiter = given or max(DELIMITERS, key=line.count)
    names = [cell.strip() for cell in next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])]
    if any("@" in name for name in names):
        if len(names) > 1:
            fix = "put a line of names before it, one of them email"
            raise SourceError("begins with an address, not with names", file=path.name, line=number, fix=fix)
        return delimiter, [], number, line
    return delimiter, names, number, ""


def _place(path: Path, names: Sequence[str], column: str, line: int) -> int:
    wanted = [column.strip().lower()] if column else list(_COLUMNS)
    found = [place for place, name in enumerate(names) if name.lower() in wanted]
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


def _with(ahead: str, lines: Iterator[str]) -> Iterator[str]:
    if ahead:
        yield ahead
    yield from lines
