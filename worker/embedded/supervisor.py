"""Starts Broadsheet's processes on one machine and ends them in the right order, whatever happens to itself.

Owns order, restarts and signals. Must not know what a child does. The order matters: a worker that finishes its
job after Valkey is gone cannot record it in the queue, and does it once more later.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from worker.embedded.child import Child, Command
from worker.errors import ServerError

# Ended from left to right; a child belongs to the first part of its name: bulk.1, bulk.2, web.
STOP_ORDER = (("bulk", "prompt"), ("clock", "web"), ("mailroom",), ("valkey",))
_OTHERS = 1  # where an unknown name belongs
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_BACKOFF = 30.0
_LOOK_SECONDS = 0.1


class Supervisor:
    """`with Supervisor(...) as s: s.start("bulk.1", [...]); s.wait()`. Use it from the main thread.

    Inside, Ctrl-C, SIGTERM and SIGHUP end `wait()` (elsewhere they raise KeyboardInterrupt), and leaving the block
    ends every child. A second signal meanwhile kills them at once; a job's process then still finishes its call.
    `logs` is a folder for one file per child; None prints every line after the child's name.
    """

    def __init__(self, *, logs: Path | None = None, grace_seconds: float = 30.0) -> None:
        self._logs = logs
        self._grace = grace_seconds
        self._children: dict[str, Child] = {}
        self._restarted: dict[str, int] = {}  # name -> restarts in a row, for those that asked
        self._due: dict[str, float] = {}  # name -> when to start it again, on the monotonic clock
        self._lock = threading.RLock()
        # Plain attributes, for signals raise them: an Event's lock could then be held by the very same thread.
        self._asked = False
        self._hurry = False
        self._ended = threading.Event()
        self._waiting = False
        self._before: dict[signal.Signals, Any] = {}
        self._watch = threading.Thread(target=self._restart_crashed, daemon=True)

    def __enter__(self) -> Supervisor:
        if self._logs:
            self._logs.mkdir(parents=True, exist_ok=True)
        self._before = {signum: signal.signal(signum, self._hear) for signum in _SIGNALS}
        self._watch.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, wrong: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.stop()
        finally:
            self._ended.set()
            self._watch.join()  # only now: on Linux a child started by a thread ends with the thread
            for signum, listener in self._before.items():
                signal.signal(signum, listener)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        restart: bool = False,
        keep_open: tuple[int, ...] = (),
    ) -> int:
        """Start a child and return its process id. `env` is added to this process's own environment.

        `restart`: start it again when it ends by itself, after 0.5 s, 1 s, 2 s ... 30 s. Raises ServerError if a
        child of this name runs or the program is missing.
        """
        with self._lock:
            if self.alive(name):
                raise ServerError(f"{name} already runs")
            log = self._logs / f"{name}.log" if self._logs else None
            child = Child(Command(name, argv, env or {}, cwd, log, keep_open))
            self._children[name] = child
            if restart:
                self._restarted.setdefault(name, 0)
            return child.pid

    @property
    def asked(self) -> bool:
        """Whether a signal asked everything to end; `wait` returns at once from then on."""
        return self._asked

    def pid(self, name: str) -> int:
        """The process id of a child (the newest one, after a restart)."""
        return self._children[name].pid

    def alive(self, name: str) -> bool:
        """Whether a child of this name runs."""
        return name in self._children and self._children[name].exit_code is None

    def exit_code(self, name: str) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._children[name].exit_code

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines of a child's log; empty where output is printed."""
        return self._children[name].tail(lines)

    def wait(self, seconds: float | None = None) -> str | None:
        """Block until a signal (None), the time is over (None), or a child ended by itself: its name.

        Children that are restarted do not count.
        """
        until = None if seconds is None else time.monotonic() + seconds
        self._waiting = True
        try:
            while not self._asked and (until is None or time.monotonic() < until):
                gone = [n for n in list(self._children) if n not in self._restarted and not self.alive(n)]
                if gone:
                    return gone[0]
                time.sleep(_LOOK_SECONDS)
            return None
        finally:
            self._waiting = False

    def kill(self, name: str) -> None:
        """SIGKILL one child and wait for it. It is started again only if it was started with `restart`."""
        child = self._children[name]
        child.tell(signal.SIGKILL)
        child.wait(None)

    def end(self, name: str, seconds: float | None = None) -> None:
        """End one child with SIGTERM, with SIGKILL after `seconds` (the supervisor's grace); it stays ended."""
        with self._lock:
            self._restarted.pop(name, None)
            child = self._children[name]
        child.tell(signal.SIGTERM)
        if not child.wait(self._grace if seconds is None else seconds):
            self.kill(name)

    def stop(self) -> None:
        """End all children in order; whoever is still there after the grace is killed. May be called twice."""
        self._asked = True
        with self._lock:
            self._restarted.clear()
            stages = [[c for n, c in self._children.items() if _stage(n) == s] for s in range(len(STOP_ORDER))]
        for children in stages:
            for child in children:
                child.tell(signal.SIGTERM)
            until = time.monotonic() + self._grace
            for child in children:
                while not child.wait(_LOOK_SECONDS):
                    if self._hurry or time.monotonic() > until:
                        child.tell(signal.SIGKILL)

    def _hear(self, _signum: int, _frame: FrameType | None) -> None:
        if self._asked:
            self._hurry = True
            return
        self._asked = True
        if not self._waiting:
            raise KeyboardInterrupt

    def _restart_crashed(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with self._lock:
                for name in list(self._restarted):
                    self._look_after(name)

    def _look_after(self, name: str) -> None:
        child = self._children[name]
        if child.exit_code is None or self._asked:
            return
        now = time.monotonic()
        if name not in self._due:
            if now - child.started > 2 * _LONGEST_BACKOFF:
                self._restarted[name] = 0  # it ran well for a while
            pause = min(0.5 * 2 ** self._restarted[name], _LONGEST_BACKOFF)
            self._due[name] = now + pause
            sys.stderr.write(f"{name} ended with {child.exit_code}; starting it again in {pause:g} s\n")
        elif now >= self._due[name]:
            del self._due[name]
            self._restarted[name] += 1
            self._children[name] = Child(child.command)


def _stage(name: str) -> int:
    role = name.partition(".")[0]
    return next((number for number, roles in enumerate(STOP_ORDER) if role in roles), _OTHERS)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
