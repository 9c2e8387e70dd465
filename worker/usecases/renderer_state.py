"""Which state of the renderer runs here: a hash of its source and of the libraries it stands on, or none where unsure.

It keeps what one version has rendered from being taken for what another would. Where a source file is younger than this
process, what runs is not what is on disk, and nobody can say what it is.
"""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import worker

_SOURCES = ("render", "domain")
_LIBRARIES = ("mjml-python", "markdown-it-py", "mdit-py-plugins", "mdurl", "jinja2", "markupsafe", "pygments")
_SURELY_BEFORE = 1.0  # seconds; file systems keep coarser time than clocks do


@cache
def renderer_state() -> str | None:
    """64 hex digits, the same in every process that runs the same code; None where that is not known."""
    return state_of(Path(worker.__file__).parent, worker.LOADED_AT)


def state_of(package: Path, loaded_at: float) -> str | None:
    """The state of the package in a folder, as a process read it that began at `loaded_at`."""
    found = hashlib.sha256(sys.version.encode())
    for name in _LIBRARIES:
        found.update(f"{name} {_version(name)}\n".encode())
    try:
        for path in sorted(one for room in _SOURCES for one in (package / room).rglob("*.py")):
            about = path.stat()
            if max(about.st_ctime, about.st_mtime) > loaded_at - _SURELY_BEFORE:
                return None
            content = path.read_bytes()
            found.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    except OSError:
        return None
    return found.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
