"""Read what the author says about columns: `Column=field`, several with commas between, or a file with one a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from worker.errors import SourceError, UsageError
from worker.usecases.import_formats.plain import FIELDS


def read_mapping(given: Sequence[str]) -> dict[str, str] | None:
    """Column as written -> field; None where nothing was said. A column's name may hold `=`: the last one counts.

    Raises UsageError or SourceError for what is no pair, an unknown field, or a mapping without an address.
    """
    pairs = [pair for words in given for pair in _pairs(words)]
    if not pairs:
        return None
    mapping: dict[str, str] = {}
    for column, field in pairs:
        if field not in FIELDS:
            raise UsageError(f"--map: there is no field {field}", fix=f"use one of {', '.join(FIELDS)}")
        if field != "ignore" and field in mapping.values():
            raise UsageError(f"--map: two columns are mapped to {field}", fix="map one of them to ignore")
        mapping[column] = field
    return mapping


def _pairs(words: str) -> list[tuple[str, str]]:
    path = Path(words)
    if "=" not in words or _is_file(path):
        return [_pair(line, words) for line in _lines(path)]
    return [_pair(part, "") for part in words.split(",") if part.strip()]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # too long for a file's name: they are columns
        return False


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"--map: {path} is neither COLUMN=FIELD nor a file", fix='--map "E-mail of reader=address"'
        ) from None
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _pair(text: str, file: str) -> tuple[str, str]:
    column, sign, field = text.rpartition("=")
    if not sign or not column.strip() or not field.strip():
        if file:
            raise SourceError(f"{text.strip()} is no COLUMN=FIELD", file=file, fix="one a line, such as E-mail=address")
        raise UsageError(f"--map: {text.strip()} is no COLUMN=FIELD", fix='--map "E-mail of reader=address,Who=name"')
    return column.strip(), field.strip().casefold()
