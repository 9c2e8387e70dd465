"""A worker's peak memory, for a small list and for a large one: it must not depend on the list's length.

`BENCH_READERS` (default 1,000,000) is the large one. Each worker is a fresh process that submits a whole broadcast.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.setting import add_readers, context_for, database, mailroom, plan_broadcast
from worker.store.engine import open_engine
from worker.usecases.submit_batches import submit_batches

SMALL = 10_000
LARGE = int(os.environ.get("BENCH_READERS", "1000000"))


def main() -> None:
    """Print both peaks and their ratio."""
    peaks = {count: peak(count) for count in (SMALL, LARGE)}
    for count, mib in peaks.items():
        print(f"  {count:9,} readers  peak of one worker {mib:6.1f} MiB")
    print(f"  ratio {peaks[LARGE] / peaks[SMALL]:.3f}")


def peak(count: int) -> float:
    """MiB a worker needs at most to submit to `count` readers."""
    with database("sqlite") as engine, mailroom() as url, tempfile.TemporaryDirectory() as folder:
        add_readers(engine, count)
        mailing_id = plan_broadcast(context_for(engine, url, Path(folder)), "memory")
        argv = [sys.executable, "-m", "benchmarks.memory", str(engine.url), url, folder, str(mailing_id)]
        return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def submit(database_url: str, mailroom_url: str, folder: str, mailing_id: str) -> None:
    """Be the worker, and print the peak."""
    engine = open_engine(database_url)
    context = context_for(engine, mailroom_url, Path(folder))
    submit_batches(engine, context.provider, int(mailing_id), replace(context.terms, slice_seconds=1e9))
    print(own_peak())


def own_peak() -> float:
    """MiB this program needed at most. Not `ru_maxrss`, which Linux also fills with what the parent of an exec had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    submit(*sys.argv[1:])
