"""How fast a list is imported, and what memory it takes, beside the bare rows written by the driver alone in the same run.

`BENCH_READERS` (default 1,000,000) is how many rows. The file is a CSV as people have it: names, plans, tags, dates. The
import is the command itself in a process of its own: encoding, header, every cell, who is here, codes, tags, a commit for
each thousand. The yardstick has its rows ready and does nothing else: COPY (PostgreSQL) or executemany (SQLite) into a
copy of the subscribers' table with its keys and indexes, a commit for each thousand. Then it runs again over
everybody, is rehearsed, and the list is exported.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData

from benchmarks.memory import own_peak
from benchmarks.setting import NAMES, database
from worker.store.engine import Engine, open_engine, writing
from worker.store.tables import subscribers
from worker.usecases.export_subscribers import export_subscribers, whole_file
from worker.usecases.import_subscribers import ImportOptions, import_subscribers

READERS = int(os.environ.get("BENCH_READERS", "1000000"))
CHUNK = 1_000
_COLUMNS = (
    *("address", "address_key", "referral_key", "name", "plan", "status", "source", "referral_code"),
    *("joined_at", "confirmed_at"),
)
_HEADER = "email,name,plan,status,tags,country,joined"


def main() -> None:
    """Print rows a second and the peak of memory for both databases, and the ratio to the bare rows."""
    with tempfile.TemporaryDirectory(prefix="bs-bench-list-") as folder:
        path = Path(folder) / "list.csv"
        write_list(path, READERS)
        print(f"imports; {READERS:,} rows, {path.stat().st_size / 1e6:.0f} MB")
        for kind in ("postgresql", "sqlite"):
            with database(kind) as engine:
                bare = bare_rows(engine, READERS)
                for what in ("import", "the same again", "dry run", "export"):
                    seconds, busy, peak, rows = in_a_process(engine, path, what)
                    print(
                        f"  {kind:10} {what:15} {rows / seconds:9,.0f} rows/s  {busy / rows * 1e6:3.0f} µs of processor a row"
                        f"  most memory {peak:5.0f} MiB"
                        f"   bare rows {bare:9,.0f}/s (ratio {rows / seconds / bare:.2f})",
                        flush=True,
                    )


def write_list(path: Path, count: int) -> None:
    """A list as people have it: one in five pays, one in three has tags, one in twenty left."""
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEADER + "\n")
        for number in range(count):
            status = "unsubscribed" if number % 20 == 7 else "confirmed"
            tags = "book club;early reader" if number % 3 == 0 else ""
            plan = "paid" if number % 5 == 0 else "free"
            name = NAMES[number % len(NAMES)]
            file.write(f"reader{number}@example.com,{name},{plan},{status},{tags},PT,2024-01-05T09:30:00Z\n")


def in_a_process(engine: Engine, path: Path, what: str) -> tuple[float, float, float, int]:
    """Seconds, seconds of processor time in the process itself, MiB and rows of one run."""
    url = engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    argv = [sys.executable, "-m", "benchmarks.imports", what, url, str(path)]
    printed = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split()
    return float(printed[0]), float(printed[1]), float(printed[2]), int(printed[3])


def run(what: str, url: str, path: str) -> None:
    """Be the process: import, look or export, and print what it took."""
    engine, now = open_engine(url), datetime.now(UTC)
    gc.freeze()  # as the command does
    began = time.perf_counter()
    if what == "export":
        with whole_file(Path(path).with_suffix(".export.csv")) as out:
            rows = export_subscribers(engine, out, False, now)
    else:
        rows = import_subscribers(engine, Path(path), now, ImportOptions(dry_run=what == "dry run")).rows
    print(time.perf_counter() - began, time.process_time(), own_peak(), rows)


def bare_rows(engine: Engine, count: int) -> float:
    """The yardstick's rows a second."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE TABLE straight (LIKE subscribers INCLUDING ALL)")
        else:
            copy = subscribers.to_metadata(MetaData(), name="straight")
            for index in copy.indexes:
                index.name = f"straight_{index.name}"  # SQLite names indexes across tables
            copy.create(connection)
    raw = engine.raw_connection()
    cursor = raw.cursor()
    names = ", ".join(_COLUMNS)
    spent = 0.0
    for rows in _ready_rows(count):
        began = time.perf_counter()
        if engine.dialect.name == "postgresql":
            with cursor.copy(f"COPY straight ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.executemany(f"INSERT INTO straight ({names}) VALUES ({', '.join('?' * len(_COLUMNS))})", rows)
        raw.commit()
        spent += time.perf_counter() - began
    raw.close()
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TABLE straight")
    return count / spent


def _ready_rows(count: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    for start in range(0, count, CHUNK):
        rows = []
        for number in range(start, min(start + CHUNK, count)):
            address = f"reader{number}@example.com"
            plan = "paid" if number % 5 == 0 else "free"
            row = (address, address, address, NAMES[number % len(NAMES)], plan, "confirmed", "import:list.csv")
            rows.append((*row, f"{number * 7_919 % 2**40:08x}", 1_704_447_000_000, 1_704_447_000_000))
        yield rows


if __name__ == "__main__":
    run(*sys.argv[1:])
