"""Launches: one TOML file each in `content/launches/`."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from worker.domain.launch import Launch
from worker.domain.web_address import taken_apart
from worker.errors import SourceError
from worker.sources.files import Toml
from worker.sources.publication import read_publication

_KEYS = frozenset(
    {"id", "name", "subtitle", "page", "image", "button", "opens", "closes", "zone", "audience", "sequence"}
    | {"forward", "converted_by"}
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # it stands in web addresses and settings
_HOST = re.compile(r"[A-Za-z0-9.-]+")


def read_launches(project: Path) -> dict[str, Launch]:
    """Every launch by its id. `opens` and `closes` are wall times in `zone`, by default the publication's.

    SourceError for the first that cannot be read.
    """
    launches, broken = read_readable_launches(project)
    for wrong in broken:
        raise wrong
    return launches


def read_readable_launches(project: Path) -> tuple[dict[str, Launch], list[SourceError]]:
    """Those that can be read, by id, and what is wrong with each of the others. SourceError for the publication's file.

    Of two with one id neither is read: which of them readers were told of nobody knows.
    """
    paths = sorted((project / "content" / "launches").glob("*.toml"))
    zone = read_publication(project).slot.zone if paths else ""
    found: dict[str, list[tuple[Toml, Launch]]] = {}
    broken: list[SourceError] = []
    for path in paths:
        try:
            source = Toml.read(project, path)
            launch = _launch(source, path.stem, zone)
        except SourceError as wrong:
            broken.append(wrong)
            continue
        found.setdefault(launch.id, []).append((source, launch))
    for (_, first), *others in found.values():
        for source, twin in others:
            what = f"{twin.id!r} is also in {first.file}"
            broken.append(source.wrong("id", what, "give one of them an id of its own"))
    return {launch_id: ones[0][1] for launch_id, ones in found.items() if len(ones) == 1}, broken


def refuse_audience(project: Path, launch: Launch, known: Collection[str]) -> None:
    """SourceError with the line where a launch's audience is none of the publication's."""
    if launch.audience not in known:
        source = Toml.read(project, project / launch.file)
        what = f"is no audience: {launch.audience!r}"
        raise source.wrong("audience", what, f"use one of: {', '.join(known)}; or write the segment")


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
