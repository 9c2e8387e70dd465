"""`make crash`: every crash test on both databases, then sends of 5,000 under random kills; one table for all of it.

`--short` tries a sample of the points and a few sends. Ends with `duplicated 0 lost 0`, or with exit code 1.
"""

import argparse
import sys
from pathlib import Path

import pytest

from tests.support.crash_counts import Outcome, table
from tests.support.crash_options import add_options

ROOT = Path(__file__).resolve().parents[2]


class Counted:
    """A plugin of pytest: gathers what the tests counted, in whatever process they ran."""

    def __init__(self):
        self.outcomes = []

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self.outcomes += [Outcome(**counted) for name, counted in report.user_properties if name == "crash"]


def main():
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a sample of the points, and 4 sends")
    add_options(parser)
    given, rest = parser.parse_known_args()
    if given.sends is None:
        given.sends = 4 if given.short else 40
    counted = Counted()
    every = [] if given.short else ["--every-point"]
    arguments = ["-q", "-n", "3", "--dist", "worksteal", str(ROOT / "tests" / "crash"), "--both-databases"]
    code = int(pytest.main([*arguments, *every, *rest], plugins=[counted]))
    if code == pytest.ExitCode.INTERRUPTED:
        sys.exit(130)
    from tests.support.crash_sends import run_sends  # what pytest has a plugin for must not be loaded before it

    outcomes = counted.outcomes + run_sends(given)
    print("\n" + "\n".join(table(outcomes)), flush=True)
    broken = any(one.duplicated or one.lost or one.failures for one in outcomes)
    sys.exit(1 if code or broken or not outcomes else 0)


if __name__ == "__main__":
    main()
