"""Files as text and TOML tables with their lines: how bytes on disk become something to read."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from worker.domain.calendar import YEARS, zone_exists
from worker.domain.web_address import taken_apart
from worker.errors import SourceError

# TOML 1.1 lets seconds be left out, as anybody would write it; Python's parser knows 1.0.
_NO_SECONDS = re.compile(
    r"^([ \t]*[\w-]+[ \t]*=[ \t]*(?:\d{4}-\d\d-\d\d[Tt ])?\d\d:\d\d)(?=[ \t]*(?:#.*)?$)", re.MULTILINE
)


def read_text(project: Path, path: Path) -> tuple[str, str]:
    """A file's text, without byte order mark and with `\\n` line ends, and its name within the project."""
    file = path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SourceError("there is no such file", file=file, fix=f"create {file}") from None
    except OSError as wrong:
        raise SourceError(f"cannot be read: {wrong.strerror}", file=file, fix="check its permissions") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        fix = "save the file as UTF-8 (in most editors: Save with encoding)"
        raise SourceError(f"byte 0x{raw[wrong.start]:02X} is not UTF-8", file=file, line=line, fix=fix) from None
    return text.replace("\r\n", "\n").replace("\r", "\n"), file


@dataclass(frozen=True, slots=True)
class Toml:
    """A TOML file's tables, with what is needed to say where something is wrong."""

    file: str
    text: str
    values: Mapping[str, Any]

    @classmethod
    def read(cls, project: Path, path: Path) -> Toml:
        """Parse a file. SourceError with the line for what is not TOML."""
        text, file = read_text(project, path)
        try:
            return cls(file, text, tomllib.loads(_NO_SECONDS.sub(r"\1:00", text)))
        except (
            ValueError,
            RecursionError,
        ) as wrong:  # more than a TOMLDecodeError: a number of thousands of digits, [[[[...
            found = re.search(r"\(at line (\d+)", str(wrong))
            what = re.sub(r" \(at .*\)$", "", str(wrong))
            line = int(found[1]) if found else None
            raise SourceError(
                f"is not TOML: {what}", file=file, line=line, fix='write key = "value", text in quotes'
            ) from None

    def wrong(self, key: str, what: str, fix: str) -> SourceError:
        """An error about a key, with its line where it is written plainly."""
        found = re.search(rf"^[ \t]*\[?{re.escape(key.rpartition('.')[2])}\]?[ \t]*(=|$)", self.text, re.MULTILINE)
        line = self.text.count("\n", 0, found.start()) + 1 if found else None
        return SourceError(f"{key} {what}", file=self.file, line=line, fix=fix)

    def only(self, table: Mapping[str, Any], known: Set[str], where: str = "") -> None:
        """SourceError for the first key that is not known."""
        for key in table:
            if key not in known:
                fix = f"use one of: {', '.join(sorted(known))}"
                raise self.wrong(f"{where}{key}", "is no key Broadsheet knows", fix)

    def table(self, key: str) -> Mapping[str, Any]:
        """A table, empty where it is missing."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, "is not a table", f"write [{key}] and its keys on the lines below")
        return value

    def string(self, key: str, default: str | None = None, within: str = "") -> str:
        """A one-line string with something in it; without a default it must be there."""
        table = self.table(within) if within else self.values
        name = f"{within}.{key}" if within else key
        value = table.get(key, default)
        if value is None:
            raise SourceError(f"{name} is missing", file=self.file, fix=f'add {key} = "..."')
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.wrong(name, f"must be text, not {value!r}", f'write {key} = "..."')
        if "\0" in value:  # which neither a file's name nor PostgreSQL can hold
            raise self.wrong(name, f"holds a NUL: {value!r}", "take \\u0000 out")
        return value.strip()

    def url(self, key: str, default: str | None = None, within: str = "") -> str:
        """An https address; the default may be empty."""
        value = self.string(key, default, within)
        if value and not is_https(value):
            raise self.wrong(key, f"is not an https address: {value!r}", "write https://...")
        return value

    def wall(self, key: str) -> datetime:
        """A wall time: a TOML local date-time, or text such as 2026-11-16T09:00."""
        value = self.values.get(key)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = None
        fix = f'write {key} = "2026-11-16T09:00", the time on the wall'
        if not isinstance(value, datetime):
            raise self.wrong(key, "is no date and time" if key in self.values else "is missing", fix)
        if value.tzinfo is not None:
            raise self.wrong(key, "has an offset; it is read as wall time in the zone", fix)
        if value.year not in YEARS:
            raise self.wrong(key, f"is in the year {value.year}, which {_NO_YEAR}", fix)
        return value

    def zone(self, key: str, default: str | None = None, within: str = "") -> str:
        """An IANA zone name."""
        value = self.string(key, default, within)
        if not zone_exists(value):
            raise self.wrong(key, f"is no time zone: {value!r}", 'write a name such as "America/Denver"')
        return value


_NO_YEAR = f"is not among {YEARS[0]} to {YEARS[-1]}"


def day(value: object) -> date | None:
    """A day of the calendar, as TOML reads one or as text such as 2026-12-01; None for anything else, and out of all reach."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value.strip())
        except ValueError:
            return None
    # A datetime is a date to Python, and says more than is meant here.
    if isinstance(value, datetime) or not isinstance(value, date):
        return None
    return value if value.year in YEARS else None


def is_https(url: str) -> bool:
    """Whether this is a usable https address."""
    parts = taken_apart(url)
    return parts.scheme == "https" and bool(parts.hostname) and not re.search(r"[\s<>\"\\^`{|}]", url)


def is_language(tag: str) -> bool:
    """Whether this is a language tag (BCP 47) that says something; `und` does not."""
    return bool(re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", tag)) and tag.lower() != "und"


def hour(value: object) -> time | None:
    """A wall-clock time from `"09:00"`; None for anything else."""
    if isinstance(value, time) and value.tzinfo is None:
        return value
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value.strip()):
        hours, _, minutes = value.strip().partition(":")
        return time(int(hours), int(minutes))
    return None
