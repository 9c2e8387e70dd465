"""Read a subscribers' CSV: lines in, one row or one refusal out for every record, streaming.

Knows the file's form (delimiter, header, quotes, encoding) and what each cell may hold. Touches no database, and
decides nothing about people who are here already.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from worker.domain.calendar import zone_exists
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.domain.suppression import SuppressionReason
from worker.errors import SourceError

COLUMNS = ("address", "name", "plan", "status", "tags", "language", "zone", "country", "joined")
_ALSO = {"email": "address", "email address": "address", "e-mail": "address"}
_DELIMITERS = ",;\t"
_RECORD_LINES = 20  # a quotation mark open for longer is one somebody forgot; the lines after it are read again
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")  # the shape of a BCP 47 tag
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_is_zone = lru_cache(maxsize=1024)(zone_exists)  # asking costs a file, and a long list names few zones


@dataclass(frozen=True, slots=True)
class SubscriberRow:
    """One readable record. None or empty where the cell was blank or there is no such column.

    `status` is where consent stands, `reason` why the address must not be mailed; at most one of them is set.
    """

    line: int
    address: str
    name: str = ""
    plan: Plan | None = None
    status: SubscriberStatus | None = None
    reason: SuppressionReason | None = None
    tags: frozenset[str] = field(default_factory=frozenset)
    language: str = ""
    zone: str = ""
    country: str = ""
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A record that cannot be used: its first line (the header is line 1) and why, in one sentence."""

    line: int
    reason: str


def read_rows(lines: Iterable[str], file: str) -> Iterator[SubscriberRow | RefusedRow]:
    """Every record after the header. Lines as `open(newline="", encoding="utf-8-sig", errors="surrogateescape")` gives.

    Raises SourceError for a header without an address column, or with one column twice.
    """
    source = iter(lines)
    header = next(source, "").removeprefix("\ufeff")
    delimiter, columns = _read_header(header, file)
    for line, cells in _records(source, delimiter):
        if cells is None:
            yield RefusedRow(line, "a quotation mark is opened and not closed")
        elif any(cell.strip() for cell in cells):
            yield _read_row(line, cells, columns)


def _read_header(header: str, file: str) -> tuple[str, list[str]]:
    for delimiter in _DELIMITERS:
        names = [cell.strip().casefold() for row in csv.reader([header], delimiter=delimiter) for cell in row]
        columns = [_ALSO.get(name, name) for name in names]
        if "address" in columns:
            twice = [name for name, times in Counter(columns).items() if times > 1 and name in COLUMNS]
            if twice:
                raise SourceError(
                    f"the column {twice[0]} is there twice", file=file, line=1, fix="remove or rename one of them"
                )
            return delimiter, columns
    raise SourceError(
        "the first line names no column address or email",
        file=file,
        line=1,
        fix=f"begin with a header such as {','.join(COLUMNS)}",
    )


def _records(source: Iterator[str], delimiter: str) -> Iterator[tuple[int, Sequence[str] | None]]:
    """(first line, cells) of each record; cells are None for a line whose quotation mark is never closed."""
    waiting: deque[str] = deque()
    number = 2
    while first := (waiting.popleft() if waiting else next(source, "")):
        lines = [first]
        while _is_open(lines) and len(lines) < _RECORD_LINES:
            more = waiting.popleft() if waiting else next(source, "")
            if not more:
                break
            lines.append(more)
        if _is_open(lines):
            yield number, None
            waiting.extendleft(reversed(lines[1:]))
            number += 1
            continue
        reader = csv.reader(lines, delimiter=delimiter)
        before = 0
        for cells in reader:
            yield number + before, cells
            before = reader.line_num
        number += len(lines)


def _is_open(lines: Sequence[str]) -> bool:
    return sum(line.count('"') for line in lines) % 2 == 1


def _read_row(line: int, cells: Sequence[str], columns: Sequence[str]) -> SubscriberRow | RefusedRow:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        return RefusedRow(
            line, f"has {len(cells)} cells under {len(columns)} columns; is a cell with a comma unquoted?"
        )
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return RefusedRow(line, "is not UTF-8; save the file as UTF-8 and import it again")
    try:
        return _parse(line, {name: cell.strip() for name, cell in zip(columns, cells, strict=False)})
    except ValueError as wrong:
        return RefusedRow(line, str(wrong))


def _parse(line: int, cell: Mapping[str, str]) -> SubscriberRow:
    status, reason = _read_status(cell.get("status", ""))
    return SubscriberRow(
        line=line,
        address=read_address(cell.get("address", "")),
        name=cell.get("name", ""),
        plan=_read_plan(cell.get("plan", "")),
        status=status,
        reason=reason,
        tags=frozenset(tag.strip() for tag in re.split("[,;]", cell.get("tags", "")) if tag.strip()),
        language=_matching(cell.get("language", ""), _LANGUAGE.fullmatch, "the language is a tag such as en or pt-BR"),
        zone=_matching(cell.get("zone", ""), _is_zone, "the zone is a name such as Europe/Lisbon"),
        country=_matching(cell.get("country", ""), _COUNTRY.fullmatch, "the country has two letters").upper(),
        joined_at=_read_moment(cell.get("joined", "")),
    )


def read_address(text: str) -> str:
    """The address as written, if it is one; ValueError says why not. Asks no network; `.test` domains are allowed."""
    if not text:
        raise ValueError("there is no address")
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as wrong:
        raise ValueError(f"the address cannot be used: {wrong}") from None
    return text


def _read_plan(text: str) -> Plan | None:
    try:
        return Plan(text.casefold()) if text else None
    except ValueError:
        raise ValueError("the plan is free or paid") from None


def _read_status(text: str) -> tuple[SubscriberStatus | None, SuppressionReason | None]:
    word = text.casefold()
    if not word:
        return None, None
    if word in set(SuppressionReason):
        return None, SuppressionReason(word)
    if word in (SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING):
        return SubscriberStatus(word), None
    known = ", ".join([SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING, *SuppressionReason])
    raise ValueError(f"the status is one of {known}")


def _read_moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("joined is a date such as 2026-01-31, or 2026-01-31T09:00Z") from None
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("joined is outside the calendar") from None


def _matching(text: str, fits: Callable[[str], object], otherwise: str) -> str:
    if text and not fits(text):
        raise ValueError(otherwise)
    return text
