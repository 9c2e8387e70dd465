"""Pictures of `content/media/`, for pages that show mail on this machine."""

from __future__ import annotations

import base64
import re
from pathlib import Path

_KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif"}
_LONGEST = (
    255  # bytes of a file's name, on every usual file system; a longer one is an error there, and not merely missing
)
_PLAIN = re.compile(r"[\w][\w .()+-]{0,200}")


def find_picture(project: Path, name: str) -> tuple[Path, str] | None:
    """A picture's file and media type by its file name; None for what is no picture there, or no plain name."""
    kind = _KINDS.get(Path(name).suffix.lower())
    path = project / "content" / "media" / name
    if (
        kind is None
        or not _PLAIN.fullmatch(name)
        or ".." in name
        or len(name.encode()) > _LONGEST
        or not path.is_file()
    ):
        return None
    if not path.resolve().is_relative_to((project / "content").resolve()):
        return None  # a link that leads out of the project
    return path, kind


def read_picture(project: Path, name: str) -> str:
    """A picture as a `data:` address; empty where there is none."""
    found = find_picture(project, name)
    return f"data:{found[1]};base64,{base64.b64encode(found[0].read_bytes()).decode()}" if found else ""
