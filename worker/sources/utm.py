"""`[utm]` in publication.toml: what the site's own statistics call visitors who come from a letter."""

from __future__ import annotations

import re

from worker.domain.utm import Utm
from worker.domain.web_address import taken_apart
from worker.sources.files import Toml

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def read_utm(source: Toml) -> Utm | None:
    """The table; None where there is none. SourceError naming the key for what cannot be used."""
    table = source.table("utm")
    if not table:
        return None
    source.only(table, {"source", "medium", "campaign", "domains"}, "utm.")
    home = (taken_apart(source.url("home")).hostname or "").lower()
    written = table.get("domains", [home])
    if not isinstance(written, list) or not all(isinstance(one, str) for one in written) or not written:
        raise source.wrong("utm.domains", "must be a list of domains", f'write domains = ["{home}"]')
    domains = tuple(one.strip().lower().rstrip(".") for one in written)
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            fix = "write it without https:// and without a path, in ASCII"
            raise source.wrong("utm.domains", f"holds no domain: {domain!r}", fix)
    return Utm(
        source=_value(source, "source", None),
        medium=_value(source, "medium", "email"),
        campaign=_value(source, "campaign", "{slug}"),
        domains=domains,
    )


def _value(source: Toml, key: str, default: str | None) -> str:
    value = source.string(key, default, within="utm")
    if not value or "{" in value.replace("{slug}", ""):
        fix = f'write {key} = "..."; {{slug}} stands for the letter in campaign alone'
        raise source.wrong(f"utm.{key}", f"cannot be used: {value!r}", fix)
    return value
