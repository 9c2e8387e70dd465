"""Export the list: everything that is known, as CSV or JSON Lines, from one moment of the database, streaming.

A file gets its name when it is whole. What leaves can come back: an import of it into an empty database makes the same
list (import_formats/broadsheet.py).
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

import orjson

from worker.domain.list_entry import ListEntry
from worker.domain.segment import Rule
from worker.store.engine import Engine, reading_steadily
from worker.store.listing import stream_list
from worker.usecases.export_columns import COLUMNS, csv_cells, entry_values

_TOLD = 1_000  # rows between two words about progress

OnProgress = Callable[[int], None]


def export_subscribers(
    engine: Engine,
    out: IO[str],
    as_json_lines: bool,
    now: datetime,
    rule: Rule | None = None,
    on_progress: OnProgress | None = None,
) -> int:
    """Write the list to an open text file; returns how many rows, without the header.

    With a rule, only those it picks, and no address that is nobody's.
    """
    write = _json_lines(out) if as_json_lines else _csv(out)
    rows = 0
    with reading_steadily(engine) as connection:
        for rows, entry in enumerate(stream_list(connection, now, rule), 1):
            write(entry, now)
            if on_progress is not None and rows % _TOLD == 0:
                on_progress(rows)
    return rows


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """A text file that appears under its name when it is complete, or not at all. Others may not read it."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as made:
        try:
            yield made
            made.flush()
            os.fsync(made.fileno())
            Path(made.name).replace(path)
        except BaseException:
            Path(made.name).unlink(missing_ok=True)
            raise


def _csv(out: IO[str]) -> Callable[[ListEntry, datetime], object]:
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    return lambda entry, now: writer.writerow(csv_cells(entry_values(entry, now)))


def _json_lines(out: IO[str]) -> Callable[[ListEntry, datetime], object]:
    return lambda entry, now: out.write(orjson.dumps(entry_values(entry, now)).decode() + "\n")
