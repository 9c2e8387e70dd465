"""Find leftovers: files of a project that still hold an erased address. They are the author's own, so they are named, not changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = {".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt", ".eml"}
_PIECE = 1 << 20


def find_leftovers(folders: list[Path], names: list[str]) -> list[Path]:
    """The files below these folders that hold one of `names`, in whatever case, as UTF-8 or UTF-16. Hidden folders are passed over."""
    wanted = {form for name in names if name for form in (name.lower().encode(), name.lower().encode("utf-16-le"))}
    found = {path for folder in folders for path in _files(folder) if _holds(path, wanted)}
    return sorted(found)


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):  # what cannot be listed is passed over
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            if path.suffix.lower() in SUFFIXES:
                yield path


def _holds(path: Path, wanted: set[bytes]) -> bool:
    overlap = max(map(len, wanted), default=1)
    try:
        if path.is_symlink():
            return False
        with path.open("rb") as file:
            tail = b""
            while piece := file.read(_PIECE):
                text = tail + piece.lower()
                if any(form in text for form in wanted):
                    return True
                tail = text[-overlap:]
    except OSError:  # unreadable to us: nothing can be said of it
        return False
    return False
