"""How many pixels each picture in `content/media/` has, read from the first bytes of its file.

Only the kinds that every mail client draws: JPEG, PNG and GIF. A file of another kind, or one that is damaged, is
simply not known; that a picture cannot be shown is the preflight's to say.
"""

from __future__ import annotations

import struct
from pathlib import Path

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif"})
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {
    0xC4,
    0xC8,
    0xCC,
}  # JPEG markers that hold the size (ITU T.81, B.1.1.3)
_ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}  # JPEG markers without a length


def read_picture_sizes(project: Path) -> dict[str, tuple[int, int]]:
    """Width and height of every picture, by its path within `content/media/`."""
    folder = project / "content" / "media"
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.is_file() and (size := size_of(path)):
            found[path.relative_to(folder).as_posix()] = size
    return found


def size_of(path: Path) -> tuple[int, int] | None:
    """A picture's width and height in pixels; None for what is no JPEG, PNG or GIF."""
    try:
        start = path.read_bytes()
        if start.startswith(b"\x89PNG\r\n\x1a\n"):
            size = struct.unpack(">II", start[16:24])
        elif start[:6] in (b"GIF87a", b"GIF89a"):
            size = struct.unpack("<HH", start[6:10])
        elif start.startswith(b"\xff\xd8"):
            size = _jpeg(start)
        else:
            return None
    except (OSError, struct.error, IndexError):
        return None
    return (int(size[0]), int(size[1])) if all(size) else None


def _jpeg(start: bytes) -> tuple[int, ...]:
    """From the frame's header; the segments before it are skipped."""
    at = 2
    while True:
        while start[at] == 0xFF and start[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = start[at + 1]
        if start[at] != 0xFF:
            raise IndexError
        if marker in _START_OF_FRAME:
            return struct.unpack(">HH", start[at + 5 : at + 9])[::-1]
        at += 2 if marker in _ALONE else 2 + struct.unpack(">H", start[at + 2 : at + 4])[0]
