"""Keeps messages as lines of `messages.jsonl` and finds them again. One file, one writer, an index in memory.

The index holds what the list page shows (where the line is, to, subject, when), so that thousands of mails list at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

FILE = "messages.jsonl"


class Entry(NamedTuple):
    """One kept message as the list shows it. `number` counts from 1, oldest first."""

    number: int
    offset: int
    length: int
    to: str
    sender: str
    subject: str
    accepted_at: float


class Inbox:
    """A folder with its messages. Opening one that exists goes on where it ended; half a last line is cut off."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._file = self.path.open("ab", buffering=0)
        self._end = 0
        self._index()
        self._file.truncate(self._end)

    def keep(self, messages: Iterable[dict[str, Any]]) -> None:
        """Append messages; they are with the operating system when this returns. OSError: none of them is kept."""
        kept = list(messages)
        lines = [orjson.dumps(message) + b"\n" for message in kept]
        with self._lock:
            self._write(b"".join(lines))
            for message, line in zip(kept, lines, strict=True):
                self._add(message, len(line))

    def page(self, start: int, count: int, *, address: str = "") -> tuple[list[Entry], int]:
        """`count` entries from `start` (0 is the newest), and how many there are, of addresses that hold `address`."""
        with self._lock:
            wanted = address.strip().lower()
            found = [one for one in self._entries if wanted in one.to.lower()] if wanted else self._entries
            total = len(found)
            last = max(total - start, 0)
            return found[max(last - count, 0) : last][::-1], total

    def message(self, number: int) -> dict[str, Any] | None:
        """The whole message with a number, or None."""
        with self._lock:
            if not 0 < number <= len(self._entries):
                return None
            entry = self._entries[number - 1]
        with self.path.open("rb") as file:
            file.seek(entry.offset)
            found: dict[str, Any] = orjson.loads(file.read(entry.length))
        return found

    def messages(self) -> Iterator[dict[str, Any]]:
        """Every message kept so far, oldest first, read one at a time."""
        with self._lock:
            end = self._end
        with self.path.open("rb") as file:
            while file.tell() < end:
                yield orjson.loads(file.readline())

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def __bool__(self) -> bool:
        return True  # an empty inbox is still there

    def __len__(self) -> int:
        return len(self._entries)

    def _write(self, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:  # a full disk: half a message must not stand before the next one
            self._file.truncate(self._end)
            raise

    def _index(self) -> None:
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    self._add(orjson.loads(line), len(line))

    def _add(self, message: dict[str, Any], length: int) -> None:
        self._entries.append(
            Entry(
                len(self._entries) + 1,
                self._end,
                length,
                message["to"],
                message["from_name"] or message["from"],
                message["subject"],
                message["accepted_at"],
            )
        )
        self._end += length
