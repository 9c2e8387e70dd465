"""Look at a file somebody exported or saved from a spreadsheet: its encoding and line ends, and then its lines.

Decides nothing about what the lines hold. Nothing is guessed per line: bytes that do not fit the file's encoding come out
as lone surrogates, which no good line holds.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.errors import SourceError

LINE_LIMIT = 100_000  # characters; a longer line is cut there, and what is left of it is skipped
_BLOCK = 1 << 20
_SAMPLE = 1 << 16
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ACCIDENTS = 20  # one line in so many of a cp1252 file may happen to be UTF-8 as well


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file is written. `encoding`: utf-8, utf-8-sig, utf-16-le, utf-16-be or cp1252; `size` in bytes."""

    encoding: str
    line_ends: str  # LF, CRLF, CR, mixed, or empty for a file of one line
    size: int


def look_at_file(path: Path) -> FileForm:
    """Read the file once, from end to end. Raises SourceError for what cannot be read or is no text at all."""
    try:
        with path.open("rb") as opened:
            sample = opened.read(_SAMPLE)
            encoding = _by_mark(path, sample) or _utf16_without_mark(sample) or ""
            if not encoding:
                opened.seek(0)
                encoding = "utf-8" if _is_utf8(opened) else _by_lines(path)
            size = path.stat().st_size
    except OSError as problem:
        raise SourceError(f"cannot be read ({problem.strerror})", file=str(path), fix="check the path") from None
    return FileForm(encoding, _line_ends(sample.decode(encoding, "replace")), size)


@contextmanager
def open_lines(path: Path, form: FileForm) -> Iterator[IO[str]]:
    """The file as text whose lines keep their ends, whichever they are."""
    errors = "replace" if form.encoding.startswith("utf-16") else "surrogateescape"
    with path.open(encoding=form.encoding, errors=errors, newline="") as opened:
        yield opened


def each_line(opened: IO[str]) -> Iterator[str]:
    """Line after line. One of LINE_LIMIT characters was cut: the rest of it is not given."""
    cut, first = False, True
    while line := opened.readline(LINE_LIMIT):
        was_cut, cut = cut, len(line) == LINE_LIMIT and line[-1] not in "\r\n"
        if was_cut:
            continue
        yield line.removeprefix("\ufeff") if first else line
        first = False


def _by_mark(path: Path, sample: bytes) -> str | None:
    if sample.startswith(b"PK\x03\x04"):
        raise SourceError(
            "is a zip archive or a workbook, not a text file",
            file=path.name,
            fix="unpack it, or save the sheet as CSV (UTF-8), and import that",
        )
    if sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise SourceError("is UTF-32", file=path.name, fix="save it as UTF-8")
    return next((encoding for mark, encoding in _BOMS if sample.startswith(mark)), None)


def _utf16_without_mark(sample: bytes) -> str | None:
    """Text that is mostly ASCII has a zero in every second byte of UTF-16; a stray NUL in a line is something else."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd * 2 > half and even * 20 < half:
        return "utf-16-le"
    return "utf-16-be" if even * 2 > half and odd * 20 < half else None


def _is_utf8(opened: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := opened.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _by_lines(path: Path) -> str:
    """UTF-8 with broken lines in it, or cp1252: a file that holds no line of UTF-8 beyond ASCII is the latter."""
    fits = broken = 0
    with path.open("rb") as opened:
        while line := opened.readline(LINE_LIMIT):
            if not line.isascii():
                try:
                    line.decode()
                    fits += 1
                except UnicodeDecodeError:
                    broken += 1
    return "utf-8" if fits * _ACCIDENTS > broken else "cp1252"


def _line_ends(sample: str) -> str:
    both = sample.count("\r\n")
    found = {"CRLF": both, "LF": sample.count("\n") - both, "CR": sample.rstrip("\r").count("\r") - both}
    if sample.endswith("\r") and not found["CRLF"]:
        found["CR"] += 1
    names = [name for name, times in found.items() if times > 0]
    return names[0] if len(names) == 1 else "mixed" if names else ""
