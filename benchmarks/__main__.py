"""`make bench`: every benchmark, or those named: `make bench ARGS="submit memory"`."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "render",
    "transport",
    "mailroom",
    "planning",
    "submit",
    "broadcast",
    "events",
    "imports",
    "signups",
    "followups",
    "memory",
)
LONG = ("simulation",)  # only where it is named: it takes an hour


def main() -> None:
    """Run them one after another."""
    chosen = sys.argv[1:] or NAMES
    for name in chosen:
        if name not in NAMES + LONG:
            sys.exit(f"there is no benchmark {name}; they are {', '.join(NAMES + LONG)}")
        print(f"\n{name}")
        sys.argv = [name]  # some have options of their own, and these words are none of them
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
