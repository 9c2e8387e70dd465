"""The parent's side of the renderer: asks a child process, and starts another when it ended or took too long.

MRML holds the interpreter's lock and can take its process with it, so nothing is rendered where pages are served.
A question and its answer are one line of JSON each.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_COMMAND = (sys.executable, "-m", "worker.preview.child")
_PIECE = 1 << 16


class Press:
    """One child at a time, started when first asked. Safe to ask from several threads: they take turns."""

    def __init__(self, project: Path, *, patience_seconds: float = 30.0) -> None:
        """`patience_seconds` is how long one question may take before its child is ended."""
        self._project = project
        self._patience = patience_seconds
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._child.pid if self._child else None

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The child's answer; `{"broken": {"problem", "fix"}}` where it gave none. Never raises for what a child does."""
        with self._turn:
            child = self._running()
            line = self._answer(child, json.dumps(question).encode() + b"\n")
            if line is None:
                return {"broken": self._ended()}
            found: dict[str, Any] = json.loads(line)
            return found

    def close(self) -> None:
        """End the child."""
        with self._turn:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(  # noqa: S603 - our own module
                [*_COMMAND, str(self._project)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the server, which then closes the child's input
            )
        return self._child

    def _answer(self, child: subprocess.Popen[bytes], question: bytes) -> bytes | None:
        assert child.stdin is not None  # noqa: S101 - asked for above
        assert child.stdout is not None  # noqa: S101
        deadline = time.monotonic() + self._patience
        try:
            child.stdin.write(question)
            child.stdin.flush()
        except OSError:
            return None
        read = bytearray()
        while not read.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                return None
            piece = os.read(child.stdout.fileno(), _PIECE)
            if not piece:
                return None
            read += piece
        return bytes(read)

    def _ended(self) -> dict[str, str]:
        child = self._child
        code = None
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = child.wait(0.5)  # its pipe closes a moment before it is gone
        self._end()
        if code is None:
            problem = f"rendering took longer than {self._patience:g} seconds and was ended"
        elif code < 0:
            problem = f"the renderer was ended by {signal.Signals(-code).name}"
        else:
            problem = f"the renderer ended by itself with code {code}"
        return {"problem": problem, "fix": "take back the last change; the page goes on with another renderer"}

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            child.wait(0.2)  # its input is closed, so it ends by itself unless it is at work
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
