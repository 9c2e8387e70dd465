"""Launches: one TOML file each in `content/launches/`."""

from __future__ import annotations

from pathlib import Path

from worker.domain.launch import Launch
from worker.sources.files import Toml
from worker.sources.publication import read_publication

_KEYS = frozenset(
    {"id", "name", "subtitle", "page", "image", "button", "opens", "closes", "zone", "audience", "sequence"}
)


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
        id=source.string("id"),
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
    )
    if launch.closes <= launch.opens:
        raise source.wrong("closes", "is not after opens", "put closes after opens")
    return launch
