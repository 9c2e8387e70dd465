"""One child process: how it is started, where its output goes, how it is ended. Knows nothing of other children."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from worker.errors import ServerError

_LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. `log` takes the output; None prints it, each line after the child's name."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)  # added to this process's own
    cwd: Path | None = None
    log: Path | None = None
    keep_open: tuple[int, ...] = ()  # file descriptors the child inherits


class Child:
    """A running (or ended) command. On Linux it gets SIGTERM if this process dies."""

    def __init__(self, command: Command) -> None:
        program = shutil.which(command.argv[0])
        if program is None:
            raise ServerError(f"{command.name}: {command.argv[0]} is not installed")
        self.command = command
        self.started = time.monotonic()
        output = command.log.open("ab") if command.log else None
        # -I -S: neither the environment nor site-packages can change or slow the few lines of the leash.
        self._popen = subprocess.Popen(  # noqa: S603 (our own commands)
            [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), program, *command.argv[1:]],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.env},
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=command.keep_open,
            start_new_session=True,  # Ctrl-C in the terminal is ours to pass on, in order
        )
        self._echo: threading.Thread | None = None
        if output:
            output.close()
        else:
            self._echo = threading.Thread(target=_print_lines, args=(command.name, self._popen.stdout), daemon=True)
            self._echo.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._popen.poll()

    def tell(self, signum: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(signum)

    def wait(self, seconds: float | None) -> bool:
        """Whether it ended within this time."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        if self._echo:
            self._echo.join(1)  # a grandchild may still hold the pipe open
        return True

    def tail(self, lines: int = 15) -> str:
        """The last lines of its log; empty where it prints instead."""
        if self.command.log is None or not self.command.log.exists():
            return ""
        written = self.command.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(written.splitlines()[-lines:])


def _print_lines(name: str, pipe: IO[bytes]) -> None:
    with pipe:
        for line in pipe:
            text = line.decode("utf-8", errors="replace").rstrip("\n")
            sys.stdout.write(f"{name:<10}| {text}\n")
            sys.stdout.flush()
