"""`make simulation`: 20,000 invented subscribers over ninety days, checked; ARGS="--subscribers 2000 --seed abc"."""

import argparse
import logging
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.support.simulation.checks import check, story
from tests.support.simulation.run import run
from worker.store.engine import open_engine, writing
from worker.store.installation import name_installation
from worker.store.schema import migrate


def main():
    options = argparse.ArgumentParser(prog="make simulation")
    options.add_argument("--subscribers", type=int, default=20_000)
    options.add_argument("--days", type=int, default=90)
    options.add_argument("--minutes", type=int, default=60, help="between two moments at which the clock ticks")
    options.add_argument("--liveliness", type=float, default=1.0, help="multiplies how much happens to people")
    options.add_argument("--seed", default="")
    options.add_argument("--database", default="", help="the URL of an empty database; without it SQLite in a folder")
    chosen = options.parse_args()
    logging.disable(logging.WARNING)
    sys.exit(simulate(**vars(chosen)))


def simulate(*, subscribers, days, minutes, liveliness, seed, database):
    """Run and check; prints what was looked at and every violation with its person's story. How many there were, at most 1."""
    seed = seed or secrets.token_hex(4)
    print(f"seed {seed}: {subscribers:,} subscribers, {days} days, a moment every {minutes} minutes", flush=True)
    with tempfile.TemporaryDirectory(prefix="bs-simulation-") as folder:
        url = database or f"sqlite:///{folder}/simulation.db"
        engine = open_engine(url)
        migrate(engine)
        with writing(engine) as connection:
            name_installation(connection)
        engine.dispose()
        ran = run(
            url, seed, subscribers, days=days, every_minutes=minutes, liveliness=liveliness,
            folder=Path(folder) / "project", progress=lambda words: print(f"  {words}", flush=True),
        )  # fmt: skip
        began = time.monotonic()
        report = check(ran)
        tell(ran, report, time.monotonic() - began)
        ran.product.close()
    return 1 if report.wrong else 0


def tell(ran, report, check_seconds):
    """What was done, what was looked at, and what was wrong."""
    world = ran.world
    print(
        f"ran in {ran.seconds:.0f} s, checked in {check_seconds:.0f} s: {len(ran.ticks):,} moments, {ran.product.ticks:,} ticks,"
    )
    print(
        f"  {ran.product.jobs:,} jobs, {ran.double['clocks']} ticks and {ran.double['jobs']} rounds of jobs at once by two,"
    )
    print(f"  {ran.dead_workers} workers dead with a claim, {ran.double['slow']} slow, {len(world.outages)} outages,")
    print(f"  {ran.double['stalled']} moments with a clock and no worker")
    print("happened: " + ", ".join(f"{number:,} {what}" for what, number in sorted(world.counts.items())))
    print("checked: " + ", ".join(f"{number:,} {what}" for what, number in sorted(report.checked.items())))
    print("steps: " + ", ".join(f"{number:,} {what}" for what, number in sorted(report.outcomes.items())))
    if report.delayed:
        print(
            f"{report.delayed:,} steps were handed over by a worker that had been stalled; of their quiet rules broken then:"
        )
        print(f"  {dict(report.delayed_loud)}")
    print(f"violations: {len(report.wrong)}")
    for what, record, words in report.wrong[:40]:
        print(f"- {what}: {words}")
        for line in story(ran, record) if record else ():
            print(f"    {line}")


if __name__ == "__main__":
    main()
