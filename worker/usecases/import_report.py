"""What an import leaves to be read: every row's end as JSON, and the refused rows as a file to mend and import again.

A million rows cost no memory here: they are written as they come.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import orjson

from worker.usecases.import_chunk import RowReport
from worker.usecases.import_decisions import RowEnd
from worker.usecases.import_rows import RefusedRow
from worker.usecases.import_subscribers import ImportReport
from worker.usecases.read_list import WHY, ListForm

_LISTED = (RowEnd.ADDED, RowEnd.CHANGED, RowEnd.KEPT_BACK, RowEnd.REFUSED)


class SpooledEnds:
    """Row reports, kept on disk until the whole is printed as one JSON value."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self._files: dict[RowEnd, IO[bytes]] = {
                end: stack.enter_context(tempfile.TemporaryFile()) for end in _LISTED
            }
            self._stack = stack.pop_all()

    def __enter__(self) -> SpooledEnds:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def add(self, report: RowReport) -> None:
        """Keep one row's end; rows that changed nothing are only counted."""
        file = self._files.get(report.end)
        if file is None:
            return
        row = {"line": report.line, "address": _sayable(report.address), "reason": report.why}
        file.write((b",\n" if file.tell() else b"") + orjson.dumps(row))

    def pieces(self, report: ImportReport, dry_run: bool, refused_file: Path | None) -> Iterator[str]:
        """The JSON value, piece by piece: what the file was, the counts, and a list for each end but `unchanged`."""
        names = (*(end.value for end in RowEnd), "suppressed", "unsaid")
        form = report.form
        head = {
            "format": form.format,
            "encoding": form.encoding,
            "delimiter": form.delimiter,
            "line_ends": form.line_ends,
            "dry_run": dry_run,
            "rows": report.rows,
            "counts": {name: getattr(report, name) for name in names},
            "refused_file": None if refused_file is None else str(refused_file),
        }
        yield orjson.dumps(head).decode()[:-1]
        for end, file in self._files.items():
            yield f',\n"{end}": ['
            file.seek(0)
            yield from (line.decode() for line in file)  # a row to a line, so no letter is cut
            yield "]"
        yield "}\n"


class RefusedFile:
    """The refused rows of one import, as they stood, each with the reason before it; made with the first of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part: IO[str] | None = None

    def add(self, row: RefusedRow, form: ListForm) -> None:
        """Write one row."""
        if self._part is None:
            self._part = self._begin(form)
        if not form.delimiter:
            self._part.write(_json_line(row))
        elif row.cells is None:  # it could not be taken apart: as it stood, so that it is refused again until mended
            self._part.write(
                _cells([row.reason], form.delimiter).rstrip("\n") + form.delimiter + row.raw.rstrip("\r\n") + "\n"
            )
        else:
            self._part.write(_cells([row.reason, *row.cells], form.delimiter))

    def finish(self) -> Path | None:
        """Give the file its name, or the next that is free if somebody has taken it by now; None where nothing was refused."""
        if self._part is None:
            return None
        self._part.flush()
        os.fsync(self._part.fileno())
        self._part.close()
        self.path = _taken(self.path)
        Path(self._part.name).replace(self.path)
        self._part = None
        return self.path

    def give_up(self) -> None:
        """Leave nothing behind: the import was stopped, and will tell all of it again."""
        if self._part is not None:
            self._part.close()
            Path(self._part.name).unlink(missing_ok=True)
            self._part = None

    def _begin(self, form: ListForm) -> IO[str]:
        # The folder's own: renaming within it is whole or not at all. Others may not read it: it holds people.
        made = tempfile.NamedTemporaryFile(  # noqa: SIM115  closed by `finish` or `give_up`
            "w",
            encoding="utf-8",
            errors="surrogateescape",
            newline="",
            dir=self.path.parent,
            prefix=".refused-",
            delete=False,
        )
        if form.delimiter:
            made.write(_cells([WHY, *form.header], form.delimiter))
        return made


@contextmanager
def refused_file(path: Path | None) -> Iterator[RefusedFile | None]:
    """A file for refused rows that is gone again where the import does not come to its end; None: none is wanted."""
    if path is None:
        yield None
        return
    file = RefusedFile(path)
    try:
        yield file
    finally:
        file.give_up()


def free_name(source: Path) -> Path:
    """`list.refused.csv` beside `list.csv`, or with a number: one that is being mended is not written over."""
    stem = source.name.removesuffix(source.suffix)
    wanted = source.with_name(f"{stem}.refused{source.suffix or '.csv'}")
    return next(path for path in _numbered(wanted) if not path.exists())


def _taken(path: Path) -> Path:
    """The first free name, taken in the same moment: another import may be about to do so too."""
    for one in _numbered(path):
        with suppress(FileExistsError):
            one.open("x").close()
            return one
    raise FileExistsError(path)  # pragma: no cover - ten thousand of them


def _numbered(path: Path) -> Iterator[Path]:
    stem = path.name.removesuffix(path.suffix)
    yield path
    yield from (path.with_name(f"{stem}-{number}{path.suffix}") for number in range(2, 10_000))


def _cells(cells: list[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _json_line(row: RefusedRow) -> str:
    try:
        found = orjson.loads(row.raw)
        return orjson.dumps({WHY: row.reason, **found}).decode() + "\n"
    except (orjson.JSONDecodeError, TypeError):
        return row.raw.rstrip("\r\n") + "\n"


def _sayable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
