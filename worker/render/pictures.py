"""How large pictures are shown: whole pixels, as Outlook needs them, from the sizes of the files that are known.

A picture is as wide as its file, or half of that where the file's name ends in `@2x`; the column is the limit. Known are
the project's own files, `content/media/`, by the address they are published under: `/media/` of the publication's home,
or the link called `media`. Everything else has a width but no height.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import unquote

from worker.domain.publication import Publication
from worker.render.linkcards import POSTER_SIZE

Size = tuple[int, int]  # width and height in pixels

_DOUBLE = re.compile(r"@2x\.\w+$", re.IGNORECASE)
_POSTER = re.compile(r"https://i\.ytimg\.com/vi/[\w-]{11}/hqdefault\.jpg")
_AUTO = re.compile(r'\sheight="auto"')
_SOURCE = re.compile(r'\ssrc="([^"]*)"')
_WIDTH = re.compile(r'\swidth="(\d+)"')


class Pictures:
    """Sizes by address, for one publication."""

    def __init__(self, publication: Publication, files: Mapping[str, Size]) -> None:
        """`files` are sizes by path within `content/media/`."""
        self._files = files
        self._base = (publication.links.get("media") or publication.home.rstrip("/") + "/media").rstrip("/") + "/"

    def size(self, source: str) -> Size | None:
        """How large a picture is meant to be, before any column limits it; None where nobody knows."""
        if _POSTER.fullmatch(source):
            return POSTER_SIZE
        if not self._files or not source.startswith(self._base):
            return None
        path = unquote(re.split("[?#]", source[len(self._base) :], maxsplit=1)[0])
        found = self._files.get(path)
        if found and _DOUBLE.search(path):
            return max(1, round(found[0] / 2)), max(1, round(found[1] / 2))
        return found

    def fitted(self, source: str, limit: int) -> tuple[int, int | None]:
        """Width and height in a column that is `limit` pixels wide; a picture nobody knows fills it."""
        size = self.size(source)
        return (limit, None) if size is None else (min(limit, size[0]), height_at(size, min(limit, size[0])))

    def with_heights(self, html: bytes) -> bytes:
        """Finished HTML with a height for every known picture, at the width MRML gave it, and `auto` for none.

        The height keeps a picture's place while it loads, and Word's engine goes by it; the style stays `auto`, so that
        a picture shrinks on a phone in proportion.
        """
        first, *rest = html.split(b"<img")
        for at, after in enumerate(rest):
            tag, end, words = after.partition(b">")
            rest[at] = self._with_height(tag.decode()).encode() + end + words
        return b"<img".join([first, *rest])

    def _with_height(self, tag: str) -> str:
        source, width = _SOURCE.search(tag), _WIDTH.search(tag)
        size = self.size(unescape(source[1])) if source else None
        height = f' height="{height_at(size, int(width[1]))}"' if size and width else ""
        return _AUTO.sub(height, tag, count=1)


def height_at(size: Size, width: int) -> int:
    """The height of a picture shown that wide."""
    return max(1, round(size[1] * width / size[0]))
