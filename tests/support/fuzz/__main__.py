"""`make fuzz`: so many inputs in two children, each watched: a signal, a panic or a standstill is a failure and is kept.

Options: --inputs 100000 --seed WORD --children 2 --only NUMBER (one input of a seed again) --properties (Hypothesis too).
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import secrets
import signal
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

from tests.support.fuzz.checks import Refused, look
from tests.support.fuzz.inputs import PROJECT, make_input

KEPT = PROJECT / "var" / "fuzz"
STANDSTILL = 60.0  # seconds with one input
MOST_FAILURES = 200


class Child:
    """A process that takes every `step`-th input from `first` on, and is started again after the one that ended it."""

    def __init__(self, folder: Path, seed: str, first: int, end: int, step: int) -> None:
        self._note = folder / f"child-{first}"
        self._note.write_bytes(struct.pack("<qq", first, 0))
        self._seed, self._end, self._step = seed, end, step
        self._refused = 0
        self.failures: list[tuple[int, str]] = []
        self.finished = False
        self._start(first)

    def _start(self, first: int) -> None:
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.support.fuzz.child", str(self._note), self._seed]
        command += [str(first), str(self._end), str(self._step)]
        self._out: IO[str] = tempfile.TemporaryFile("w+", dir=self._note.parent)  # noqa: SIM115 - read when the child has ended
        self._err: IO[str] = tempfile.TemporaryFile("w+", dir=self._note.parent)  # noqa: SIM115 - read when the child has ended
        self._process = subprocess.Popen(command, cwd=PROJECT, stdout=self._out, stderr=self._err, text=True)
        self._seen, self._since = first, time.monotonic()

    @property
    def at(self) -> int:
        """The input it is at, or the end."""
        number = self._read()[0]
        return self._end if number < 0 else number

    @property
    def refused(self) -> int:
        """How many inputs were refused by name."""
        return self._refused + self._read()[1]

    def watch(self) -> None:
        """Look how it does; start it again where it ended before its time."""
        number = self.at
        if number != self._seen:
            self._seen, self._since = number, time.monotonic()
        ended = self._process.poll()
        if ended is None and time.monotonic() - self._since > STANDSTILL:
            self._process.kill()
            ended = self._process.wait()
            self.failures.append((number, f"took longer than {STANDSTILL:.0f} s"))
        elif ended is None:
            return
        elif ended:
            self._err.seek(0)
            name = signal.Signals(-ended).name if ended < 0 else f"exit code {ended}"
            self.failures.append((number, f"the process ended: {name}\n{self._err.read()[-1500:]}"))
        self._out.seek(0)
        self.failures += [(one["number"], one["broken"]) for one in map(json.loads, self._out)]
        self._refused += self._read()[1]
        self.finished = ended == 0 or number + self._step >= self._end
        if not self.finished:
            self._note.write_bytes(struct.pack("<qq", number + self._step, 0))
            self._start(number + self._step)
        else:
            self._note.write_bytes(struct.pack("<qq", -1, 0))

    def stop(self) -> None:
        """End it where it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _read(self) -> tuple[int, int]:
        number, refused = struct.unpack("<qq", self._note.read_bytes())
        return number, refused


def main() -> None:
    """Run, print count, rate and seed; exit code 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--children", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", type=int, help="one input of the seed, with what it breaks")
    parser.add_argument("--properties", action="store_true", help="the Hypothesis properties at length afterwards")
    given = parser.parse_args()
    if given.only is not None:
        sys.exit(_one(given.seed, given.only))
    failed = _run(given.seed, given.inputs, given.children)
    if given.properties:
        environment = os.environ | {"HYPOTHESIS_PROFILE": "long"}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "tests/unit",
            "tests/contract",
            "-m",
            "hypothesis",
            "--timeout",
            "3600",
        ]
        failed = subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode != 0 or failed
    sys.exit(1 if failed else 0)


def _run(seed: str, inputs: int, children: int) -> bool:
    print(f"fuzzing {inputs:,} inputs in {children} children, seed {seed}", flush=True)
    began, told = time.monotonic(), 0.0
    with tempfile.TemporaryDirectory(prefix="bs-fuzz-") as folder:
        running = [Child(Path(folder), seed, first, inputs, children) for first in range(min(children, inputs))]
        try:
            while not all(child.finished for child in running):
                time.sleep(0.2)
                for child in running:
                    if not child.finished:
                        child.watch()
                took = time.monotonic() - began
                if took - told >= 30:
                    told = took
                    done = sum(min(child.at, inputs) for child in running) // len(running)
                    print(f"  {done:,} of {inputs:,}, {done / took:.0f} a second", flush=True)
                if sum(len(child.failures) for child in running) > MOST_FAILURES:
                    print("  too many failures to go on")
                    break
        finally:
            for child in running:
                child.stop()
        failures = sorted(failure for child in running for failure in child.failures)
        refused = sum(child.refused for child in running)
        finished = all(child.finished for child in running)
    took = time.monotonic() - began
    _tell(seed, failures)
    count = f"{inputs:,} inputs" if finished else "not all inputs"
    print(f"fuzz: {count} in {took:.0f} s ({inputs / took:.0f} a second), {refused:,} refused by name, ", end="")
    print(f"{len({number for number, _ in failures}):,} failed; seed {seed}", flush=True)
    return bool(failures) or not finished


def _tell(seed: str, failures: list[tuple[int, str]]) -> None:
    kinds = collections.Counter(_kind(broken) for _, broken in failures)
    for kind, count in kinds.most_common():
        number, broken = next(one for one in failures if _kind(one[1]) == kind)
        print(f"\n{count} x {broken.strip()[-1200:]}\n  again: make fuzz ARGS='--seed {seed} --only {number}'")
    for number, broken in failures:
        KEPT.mkdir(parents=True, exist_ok=True)
        kept = json.dumps({"seed": seed, "broken": broken, **asdict(make_input(seed, number))}, indent=1)
        (KEPT / f"{seed}-{number}.json").write_text(kept, encoding="utf-8")
    if failures:
        print(f"\nkept in {KEPT.relative_to(PROJECT)}")


def _kind(broken: str) -> str:
    """Failures of one cause have one kind: the last line, without what is quoted in it."""
    last = broken.strip().splitlines()[-1]
    return last.split("'")[0].split('"')[0][:60]


def _one(seed: str, number: int) -> int:
    given = make_input(seed, number)
    print(json.dumps(asdict(given), indent=1))
    print("--- Markdown:")
    print(given.body.encode("utf-8", "backslashreplace").decode())
    try:
        broken = list(look(given, with_preflight=True))
    except Refused as why:
        print(f"--- refused: {why}")
        return 0
    print("---", *(broken or ["holds"]), sep="\n")
    return 1 if broken else 0


if __name__ == "__main__":
    main()
