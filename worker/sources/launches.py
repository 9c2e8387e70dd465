"""Launches: one TOML file each in `content/launches/`."""

from __future__ import annotations

import re
from pathlib import Path

from worker.domain.launch import Launch
from worker.domain.web_address import taken_apart
from worker.sources.files import Toml
from worker.sources.publication import read_publication

_KEYS = frozenset(
    {"id", "name", "subtitle", "page", "image", "button", "opens", "closes", "zone", "audience", "sequence"}
    | {"forward", "converted_by"}
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # it stands in web addresses and settings
_HOST = re.compile(r"[A-Za-z0-9.-]+")


def read_launches(project: Path) -> dict[str, Launch]:
    """Every launch by its id. `opens` and `closes` are wall times in `zone`, by default the publication's."""
    launches: dict[str, Launch] = {}
    paths = sorted((project / "content" / "launches").glob("*.toml"))
    zone = read_publication(project).slot.zone if paths else ""
    for path in paths:
        source = Toml.read(project, path)
        launch = _launch(source, path.stem, zone)
        if twin := launches.get(launch.id):
            raise source.wrong("id", f"{launch.id!r} is also in {twin.file}", "give one of them an id of its own")
        launches[launch.id] = launch
    return launches


def _launch(source: Toml, slug: str, zone: str) -> Launch:
    source.only(source.values, _KEYS)
    launch = Launch(
        id=_identity(source),
        slug=slug,
        file=source.file,
        name=source.string("name"),
        subtitle=source.string("subtitle", ""),
        page=source.url("page"),
        image=source.url("image", ""),
        button=source.string("button", "Learn more"),
        opens=source.wall("opens"),
        closes=source.wall("closes"),
        zone=source.zone("zone", zone),
        audience=source.string("audience", "everyone"),
        sequence=source.string("sequence", slug),
        forward=_forward(source),
        converted_by=source.string("converted_by", ""),
    )
    if launch.closes <= launch.opens:
        raise source.wrong("closes", "is not after opens", "put closes after opens")
    return launch


def _identity(source: Toml) -> str:
    written = source.string("id")
    if not _ID.fullmatch(written):
        raise source.wrong("id", f"is not usable: {written!r}", "use letters, digits, . _ and -, at most 64")
    return written


def _forward(source: Toml) -> str:
    """Browsers are sent there by us, so nobody may take it for another host than it is: no user, no odd characters."""
    written = source.url("forward", "")
    key = "forward" if written else "page"
    parts = taken_apart(written or source.url("page"))
    if "@" in parts.netloc or not _HOST.fullmatch(parts.hostname or ""):
        fix = "write a host in ASCII letters (xn--... for others), without a user before it"
        raise source.wrong(key, f"cannot be a place to send readers on to: {parts.netloc!r}", fix)
    return written
