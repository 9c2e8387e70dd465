"""Whether anything a page is made of has changed: one short hash over the names, sizes and times of a project's files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

_PARTS = ("content", "emails")


def state_of(project: Path) -> str:
    """16 hex digits that differ when a file in content/ or emails/ was written, added or taken away."""
    digest = hashlib.sha256()
    for line in sorted(_lines(project)):
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()[:16]


def _lines(project: Path) -> Iterator[str]:
    for part in _PARTS:
        for path in (project / part).rglob("*"):
            try:
                found = path.stat()
            except OSError:  # an editor's temporary file, gone again
                continue
            yield f"{path} {found.st_size} {found.st_mtime_ns}"
