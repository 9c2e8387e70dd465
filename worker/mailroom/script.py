"""The script of faults: which request meets which. Counts per path, so that one call's faults never meet another's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from worker.mailroom.faults import MAIL_SEND, Fault


@dataclass(slots=True)
class _Calls:
    """What is still to come for one path and method."""

    row: deque[Fault] = field(default_factory=deque)
    numbered: dict[int, Fault] = field(default_factory=dict)
    asked: int = 0

    def add(self, fault: Fault) -> None:
        if fault.at is None:
            self.row.append(fault)
        else:
            self.numbered.update(dict.fromkeys(range(fault.at, fault.at + fault.count), fault))

    def take(self) -> Fault | None:
        self.asked += 1
        if fault := self.numbered.pop(self.asked, None):
            return fault
        if not self.row:
            return None
        fault = self.row.popleft()
        if fault.count > 1:
            self.row.appendleft(replace(fault, count=fault.count - 1))
        return fault


class Script:
    """The faults still to come. Thread-safe: each request takes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str], _Calls] = {}

    def set(self, faults: Iterable[Fault]) -> None:
        """Replace the script; counting for `at` begins again at 1."""
        with self._lock:
            self._calls.clear()
            for fault in faults:
                self._calls.setdefault((fault.path, fault.method), _Calls()).add(fault)

    def take(self, path: str = MAIL_SEND, method: str = "POST") -> Fault | None:
        """The next fault of a request, if it has one. A fault's path stands for everything below it as well."""
        with self._lock:
            for (wanted, verb), calls in self._calls.items():
                below = path == wanted or path.startswith(wanted.rstrip("/") + "/")
                if below and verb in ("", method) and (fault := calls.take()):
                    return fault
        return None

    def left(self) -> list[str]:
        """Names of the faults still to come, one per request: mail send's first, in order."""
        with self._lock:
            return [
                name + _place(where)
                for where, calls in sorted(self._calls.items(), key=lambda one: one[0] != (MAIL_SEND, ""))
                for name in _names(calls)
            ]


def _names(calls: _Calls) -> list[str]:
    row = [fault.name for fault in calls.row for _ in range(fault.count)]
    return row + [f"{fault.name} on {number}" for number, fault in sorted(calls.numbered.items())]


def _place(where: tuple[str, str]) -> str:
    path, method = where
    return "" if where == (MAIL_SEND, "") else f" at {method + ' ' if method else ''}{path}"
