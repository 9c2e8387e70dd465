"""Pictures of a mail that is only looked at: every address is replaced, so that nothing is fetched from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape

_SOURCE = re.compile(r"""(<img\b[^>]*?\ssrc=")([^"]*)(")""")


def with_pictures(html: str, find: Callable[[str], str]) -> str:
    """The HTML with each picture's address replaced by what `find` says of it."""
    return _SOURCE.sub(lambda m: f"{m[1]}{escape(find(unescape(m[2])))}{m[3]}", html)


def file_name(address: str) -> str:
    """The last part of an address, without query and fragment: what its file in content/media/ would be called."""
    return re.split(r"[?#]", address, maxsplit=1)[0].rpartition("/")[2]
