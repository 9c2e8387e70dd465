"""Where links lead: addresses as authors write them, with merge tags inside, and the schemes mail may use."""

from __future__ import annotations

import re
from urllib.parse import unquote

from markdown_it.common.normalize_url import normalizeLink

from worker.errors import RenderError
from worker.render.blocks import Pieces
from worker.render.placeholders import split

_TAG = re.compile(r"(\{[a-z][a-z_]*(?:\|[^{}]*)?\})")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_SAFE_SCHEMES = {"http", "https", "mailto", "tel"}


def encoded(url: str) -> str:
    """Percent-encoded, except for merge tags: MRML and SendGrid copy an address as it stands."""
    return "".join(part if at % 2 else normalizeLink(part) for at, part in enumerate(_TAG.split(url)))


def target_of(address: str, file: str, line: int | None) -> Pieces:
    """An encoded address cut at its merge tags. RenderError for a scheme that runs code or opens files."""
    refuse_scheme(address, file, line)
    return split(address, file, line)


def refuse_scheme(address: str, file: str, line: int | None) -> None:
    """RenderError for an address with any scheme but http, https, mailto and tel, however it is disguised."""
    scheme = _SCHEME.match(re.sub(r"[\s\x00-\x1f]", "", unquote(address)))
    if scheme and scheme[1].lower() not in _SAFE_SCHEMES:
        raise RenderError(
            f"a link may not begin with {scheme[1]}:", file=file, line=line, fix="use https:, mailto: or tel:"
        )
