"""Commands in processes of their own, marked in their environment, so that a test can say what they leave behind."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.commands import clean_environment
from tests.support.waiting import until

BROADSHEET = (sys.executable, "-m", "worker.cli")


class Process:
    """One command. What it prints goes to `out` and `err` in `folder`; Ctrl-C is for it alone, as `kill -INT` is."""

    def __init__(self, folder, *words, stdin=subprocess.DEVNULL, cwd=None, **environment):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._mark = f"BROADSHEET_TEST_PROCESS={secrets.token_hex(8)}"  # every descendant inherits it
        self._out, self._err = (folder / "out").open("wb"), (folder / "err").open("wb")
        self._popen = subprocess.Popen(
            [*BROADSHEET, *map(str, words)],
            stdin=stdin,
            stdout=self._out,
            stderr=self._err,
            cwd=cwd,
            env=clean_environment(**environment, **dict([self._mark.split("=")])),
            start_new_session=True,
        )
        self.pid = self._popen.pid

    @property
    def out(self):
        return (self.folder / "out").read_text(encoding="utf-8")

    @property
    def err(self):
        return (self.folder / "err").read_text(encoding="utf-8")

    @property
    def ended(self):
        return self._popen.poll() is not None

    def interrupt(self):
        self.send(signal.SIGINT)

    def send(self, number):
        self._popen.send_signal(number)

    def wait(self, seconds=60):
        """Its exit code."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s\n{self.out}\n{self.err}") from None

    def await_words(self, words, seconds=60):
        """Wait until it has printed them, on either stream."""
        until(lambda: words in self.out + self.err or self.ended, seconds=seconds, what=f"{words!r} in what it prints")
        assert words in self.out + self.err, self.out + self.err

    def close(self):
        """End it and whatever it left behind."""
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._popen.wait(10)
        self._out.close()
        self._err.close()

    def family(self):
        """The ids of the living processes that descend from it, itself among them, whoever their parent is by now."""
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _carries(entry, self._mark.encode())]


def _carries(entry, mark):
    try:
        return mark in (entry / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
