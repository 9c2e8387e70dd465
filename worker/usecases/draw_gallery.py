"""Draw the gallery of a project: every block's specimens with sample merge values and the pictures of content/media/."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from urllib.parse import quote

from worker import sources
from worker.domain.milestone import Milestone
from worker.domain.publication import Publication
from worker.errors import SourceError
from worker.render.gallery import Room, gallery_page
from worker.render.layout import Templates
from worker.render.links import Signer
from worker.render.local_pictures import file_name
from worker.render.registry import KINDS, BlockKind
from worker.render.specimen import FACTS, Specimen, specimens
from worker.sources.media import read_picture
from worker.sources.samples import read_sample
from worker.usecases.render_files import SAMPLE, fill_in

_NOBODY = Signer("only for looking, these links open nothing")


def draw_gallery(project: Path) -> tuple[str, list[str]]:
    """The page, and what was wrong with any block; a wrong one keeps none of the others from being shown.

    Raises SourceError where the publication or the theme cannot be read.
    """
    publication = sources.read_publication(project)
    templates = Templates(sources.read_templates(project), sources.read_theme(project))
    rooms = [_room(project, name, kind, publication, templates) for name, kind in KINDS.items()]

    @cache
    def picture(address: str) -> str:
        return read_picture(project, file_name(address)) or _blank(address)

    page = gallery_page(rooms, publication.name, partial(_filled, milestones=publication.referral.milestones), picture)
    return page, [room.problem for room in rooms if room.problem]


def _room(project: Path, name: str, kind: BlockKind, publication: Publication, templates: Templates) -> Room:
    usage = f"::: {name} {kind.args}".strip()
    source = ""
    try:
        sample = read_sample(project, name)
        source = sample.body.strip()
        made = tuple(specimens(name, sample, publication, templates))
    except SourceError as wrong:
        return Room(name, usage, kind.summary, source, problem=str(wrong))
    return Room(name, usage, kind.summary, source, made)


def _filled(one: Specimen, milestones: Sequence[Milestone]) -> str:
    return fill_in(one.edition, SAMPLE, _NOBODY, FACTS.base_url, milestones)["html"]


def _blank(address: str) -> str:
    """A grey picture in place of one that is not in content/media/."""
    words = f"{file_name(address)[:40] or 'a picture'} is not in content/media/"
    safe = words.replace("&", "&amp;").replace("<", "&lt;")
    svg = (
        "<svg xmlns='http://www.w3.org/2000/svg' width='1104' height='560'><rect width='100%' height='100%' fill='#9a9a94'/>"
        f"<text x='50%' y='50%' text-anchor='middle' font-family='sans-serif' font-size='30' fill='#14171c'>{safe}</text></svg>"
    )
    return f"data:image/svg+xml,{quote(svg)}"
