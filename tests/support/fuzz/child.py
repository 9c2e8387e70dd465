"""One watched child: takes every n-th input, notes its number before it begins, and prints failures as JSON lines.

The note is eight bytes in a file mapped into memory, so that the parent knows where a child was that a signal ended.
"""

from __future__ import annotations

import json
import mmap
import struct
import sys
import traceback

from tests.support.fuzz.checks import Refused, look
from tests.support.fuzz.inputs import make_input


def main() -> None:
    """Arguments: the file for notes, the seed, the first number, the end, the step."""
    path, seed, first, end, step = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 16) as note:  # noqa: PTH123
        refused = 0
        for number in range(first, end, step):
            note[:] = struct.pack("<qq", number, refused)
            try:
                broken = list(look(make_input(seed, number), with_preflight=number % 10 == 0))
            except Refused:
                refused += 1
                continue
            except BaseException as wrong:  # a Rust panic is no Exception
                if isinstance(wrong, KeyboardInterrupt):
                    raise
                broken = ["".join(traceback.format_exception(wrong)[-6:])]
            for one in broken:
                print(json.dumps({"number": number, "broken": one}), flush=True)
        note[:] = struct.pack("<qq", -1, refused)


if __name__ == "__main__":
    main()
