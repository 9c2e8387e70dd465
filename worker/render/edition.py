"""Editions: parse once, cut for each plan, and make subject, preheader, HTML and plain text of what is left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from worker.domain.edition import Card, Edition, Place
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.blocks import Block, Container, Tree
from worker.render.campaign import Campaign
from worker.render.gate import cut
from worker.render.layout import Templates
from worker.render.markdown import parse_markdown
from worker.render.mjml.convert import to_bytes
from worker.render.pictures import Pictures
from worker.render.placeholders import MergeTags, refuse_lookalikes, split
from worker.render.scene import Facts, Scene
from worker.render.shared import Shared
from worker.render.text import plain_text
from worker.render.untracked import untracked

# Line ends would begin another header; controls, halves of characters and what turns the direction of other words have
# no place in an inbox's list.
_NO_HEADER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

__all__ = ["Facts", "Scene", "mjml_of", "parse", "render_both", "render_edition", "render_editions"]


def parse(text: Issue) -> Tree:
    """The block tree of an issue's or a step's body. Raises RenderError with file and line."""
    return _parsed(text.body, text.file, text.body_line)


#: Trees are values that nobody changes, so the readers of one text share one: editions, its source hashes, preflight.
_parsed = lru_cache(maxsize=4)(parse_markdown)


def render_editions(
    text: Issue, publication: Publication, templates: Templates, facts: Facts, message: str = "issue"
) -> dict[Plan, Edition]:
    """Both editions of a text, in the layout `emails/messages/<message>.mjml.j2`. Raises RenderError."""
    return render_both(parse(text), {plan: Scene(text, publication, facts, plan) for plan in Plan}, templates, message)


def render_both(
    tree: Tree, scenes: Mapping[Plan, Scene], templates: Templates, message: str = "issue"
) -> dict[Plan, Edition]:
    """Both editions of an uncut tree. The scenes differ in their plan alone, so what both plans read is made once."""
    shared = Shared()
    return {plan: render_edition(tree, scene, templates, message, shared) for plan, scene in scenes.items()}


def render_edition(
    tree: Tree, scene: Scene, templates: Templates, message: str = "issue", shared: Shared | None = None
) -> Edition:
    """One plan's edition of an uncut tree."""
    shared = shared or Shared()
    _refuse_lookalikes(scene)
    tags = _merge_tags(scene, message)
    readable = cut(tree, scene.plan)
    subject = _line(tags, scene, "subject", scene.text.subject)
    preheader = _line(tags, scene, "preview", scene.text.preview)
    pictures = Pictures(scene.publication, scene.facts.media)

    def finish(part: bytes) -> bytes:
        return untracked(pictures.with_heights(part), scene.facts.base_url)

    html = to_bytes(templates.mjml(readable, scene, tags, message, shared), scene.text.file, shared, finish)
    text = plain_text(readable, scene, tags, message, shared)
    cards = _cards(readable, scene.facts)
    return Edition(scene.plan, subject, preheader, html.decode(), text, tags.used, cards=cards)


def mjml_of(tree: Tree, scene: Scene, templates: Templates, message: str = "issue") -> str:
    """The MJML one edition is made from, before the guard; for designers."""
    return "".join(templates.mjml(cut(tree, scene.plan), scene, _merge_tags(scene, message), message, Shared()))


def _cards(readable: Tree, facts: Facts) -> tuple[Card, ...]:
    """The launches it shows, each once; one that has closed has no card."""
    named = {block.args for block in _containers(readable.blocks) if block.name == "launch"}
    shown = (facts.launches[one] for one in sorted(named & facts.launches.keys()))
    return tuple(Card(one.id, one.closes_at) for one in shown if facts.now < one.closes_at)


def _containers(blocks: Iterable[Block]) -> Iterator[Container]:
    for block in blocks:
        if isinstance(block, Container):  # nothing else holds one
            yield block
            yield from _containers(block.blocks)


def _merge_tags(scene: Scene, message: str) -> MergeTags:
    utm, base_url = scene.publication.utm, scene.facts.base_url
    counted = utm is not None and message not in (
        "notice",
        "confirmation",
        "welcome",
    )  # about an account: nothing to sell
    campaign = Campaign(utm.parameters(scene.text.slug), utm.domains, base_url) if utm and counted else None
    return MergeTags(scene.text.file, base_url, campaign)


def _line(tags: MergeTags, scene: Scene, key: str, by_plan: Mapping[Plan, str]) -> str:
    """A subject or preheader: one line, as plain text."""
    words, file, line = by_plan[scene.plan], scene.text.file, scene.text.line_of(key)
    if not words.isprintable() and (found := _NO_HEADER.search(words)):
        what = "a line break" if found[0].isspace() else f"the character U+{ord(found[0]):04X}"
        raise RenderError(f"a {key} with {what} in it", file=file, line=line, fix="write it on one line, without it")
    return tags.fill(split(words, file, line), Place.TEXT)


def _refuse_lookalikes(scene: Scene) -> None:
    """What reaches mail from elsewhere than the body may not look like a placeholder either."""
    text, publication = scene.text, scene.publication
    audio = text.audio
    words = [text.title, text.comments]
    words += [audio.url, audio.apple, audio.spotify, audio.youtube, audio.transcript] if audio else []
    refuse_lookalikes("\n".join(words), text.file, None)
    words = [publication.name, publication.author, publication.postal_address, publication.description]
    words += [publication.home, publication.logo, *publication.links.values(), *publication.benefits]
    words += [publication.goal.label] if publication.goal else []
    refuse_lookalikes("\n".join(words), "content/publication.toml", None)
    for launch in scene.facts.launches.values():
        refuse_lookalikes(
            "\n".join((launch.name, launch.subtitle, launch.page, launch.image, launch.button)), launch.file, None
        )
