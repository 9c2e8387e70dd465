"""The layout: a cut tree becomes MJML by the templates in emails/. Templates are trusted; content is never one.

Prose runs together into one section; every other block is its own template, given its view and its body. Which
looks a block has is the templates' and the theme's business alone.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, TemplateError
from markupsafe import Markup

from worker.domain.edition import MergeName, Place
from worker.domain.issue import Issue
from worker.errors import RenderError
from worker.render.blocks import Block, Container, Figure, LinkCard, Merge, Tree
from worker.render.digest import digest_of
from worker.render.direction import RTL, direction_of_language
from worker.render.linkcards import label_of
from worker.render.pictures import Pictures
from worker.render.placeholders import MergeTags, split
from worker.render.prose import Prose
from worker.render.registry import KINDS, Room, view_of
from worker.render.scene import Scene
from worker.render.shared import Shared
from worker.render.templates import OneTheme, asked_for
from worker.render.theme import Theme

# Keeps body text out of the inbox's preview line. Literal, not entities: SendGrid picks the charset from the bytes,
# and mail it calls iso-8859-1 is shown clipped by Gmail (sendgrid-python#1011).
_PADDING = ("\u200c\u00a0" * 25 + "\n") * 4  # lines, for mail has none over 998 bytes

_BODY = Markup("<!--body-->")
_OF_ONE_EDITION = frozenset({"plan", "merge", "preview"})  # of the names templates are given


class Templates:
    """Compiled templates. `sources` maps names such as `blocks/audio.mjml.j2` to text; `theme` is emails/theme.toml."""

    def __init__(self, sources: Mapping[str, str], theme: Mapping[str, Any]) -> None:
        self.digest = digest_of([dict(sources), dict(theme)])  # two with the same one draw the same mail
        self._asks_for_count = any("subscribers" in one for one in sources.values())
        made = Theme.of(theme)
        self._environment = OneTheme(
            loader=FunctionLoader(lambda name: _loaded(sources, name, made)),
            autoescape=True,  # by hand: select_autoescape() is off for names that end in .mjml.j2
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._of_one_edition: dict[str, bool] = {}
        self.styles = made.styles
        self.column = made.shape["width"] - 2 * made.shape["side"]  # pixels, outside of any card
        self._environment.globals.update(made.names)

    @cached_property
    def style(self) -> Markup:
        """The style sheet, which is the same for every mail."""
        return self.render("layouts/style.mjml.j2", {})

    def mjml(self, tree: Tree, scene: Scene, tags: MergeTags, message: str, shared: Shared) -> list[str]:
        """MJML of a cut tree in the layout `emails/messages/<message>.mjml.j2`: what stands before its sections, each
        section, and what stands after them. Raises RenderError."""
        return _Sheet(self, scene, tags, shared).message(tree, message)

    def shows_count(self, text: Issue) -> bool:
        """Whether the number of subscribers may stand in this text's mail: counting walks the list, and it changes all day."""
        return "goal" in text.body or self._asks_for_count

    def is_of_one_edition(self, name: str) -> bool:
        """Whether a template, or one that it uses, asks for what differs between the editions of one text."""
        known = self._of_one_edition.get(name)
        if known is None:
            known = self._of_one_edition[name] = bool(_OF_ONE_EDITION & asked_for(self._environment, name))
        return known

    def render(self, name: str, context: Mapping[str, Any]) -> Markup:
        """One template. RenderError names its file and line."""
        try:
            return Markup(self._environment.get_template(name).render(context))  # noqa: S704 - made by an autoescaping template
        except (TemplateError, TypeError) as wrong:
            raise _located(wrong, name) from wrong


class _Sheet:
    """One edition on its way to MJML."""

    def __init__(self, templates: Templates, scene: Scene, tags: MergeTags, shared: Shared) -> None:
        self._templates = templates
        self._drawn, self._views = shared.drawn, shared.views
        self._blocks = 0
        self._scene = scene
        self._tags = tags
        direction = direction_of_language(scene.language)
        self._frames: dict[str, tuple[str, str] | tuple[()]] = {}
        self._pictures = Pictures(scene.publication, scene.facts.media)
        self._prose = Prose(tags, templates.styles, self._pictures, direction, shared.html)
        self._shared: dict[str, Any] = {
            "publication": scene.publication,
            "issue": scene.text,
            "plan": scene.plan.value,
            "merge": lambda name: tags.placeholder(Merge(MergeName(name)), Place.HTML),
            "style": templates.style,
            "language": scene.language,
            "direction": direction,
            "start": "right" if direction == RTL else "left",
            "end": "left" if direction == RTL else "right",
            "padding": _PADDING,
            "facts": scene.facts,
            "date": scene.date,
        }

    def message(self, tree: Tree, message: str) -> list[str]:
        text = self._scene.text
        preview = self._tags.fill(split(text.preview[self._scene.plan], text.file), Place.HTML)
        sections = list(self._sections(tree.blocks))
        context = {"body": _BODY, "preview": preview, **self._shared}
        frame = self._templates.render(f"messages/{message}.mjml.j2", context).split(_BODY)
        if len(frame) == 2:
            return [str(frame[0]), *sections, str(frame[1])]
        context["body"] = Markup("".join(sections))  # noqa: S704 - it stands in the layout twice, or not at all
        return [self._templates.render(f"messages/{message}.mjml.j2", context)]

    def _sections(self, blocks: Iterable[Block]) -> Iterable[str]:
        run: list[Block] = []
        for block in blocks:
            if not isinstance(block, Container) or KINDS[block.name].room is Room.ANYWHERE:
                run.append(block)
                continue
            if run:
                yield self._prose_section(run)
                run = []
            yield self._block(block)
        if run:
            yield self._prose_section(run)
        if notes := self._prose.notes():
            context = {**self._shared, "body": Markup(notes)}  # noqa: S704 - escaped node by node
            yield self._templates.render("layouts/notes.mjml.j2", context)
        yield "<!--@0-->"

    def _prose_section(self, run: Sequence[Block]) -> str:
        return self._framed("layouts/prose.mjml.j2", self._column(run))

    def _framed(self, name: str, body: Markup) -> str:
        """A template that is the same each time but for its body: rendered once for an edition, with a mark in its place."""
        frame = self._frames.get(name)
        if frame is None:
            parts = self._templates.render(name, {**self._shared, "body": _BODY}).split(_BODY)
            frame = self._frames[name] = (str(parts[0]), str(parts[1])) if len(parts) == 2 else ()
        if not frame:  # the body stands in it twice, or not at all
            return self._templates.render(name, {**self._shared, "body": body})
        return frame[0] + str(body) + frame[1]

    def _column(self, blocks: Sequence[Block]) -> Markup:
        """What stands in a column: words, pictures and buttons."""
        made: list[str] = []
        words: list[Block] = []
        for block in blocks:
            if not isinstance(block, Container | Figure | LinkCard):
                words.append(block)
                continue
            if words:
                made.append(self._words(words))
                words = []
            made.append(self._standing(block))
        if words:
            made.append(self._words(words))
        return Markup("".join(made))  # noqa: S704

    def _words(self, blocks: Sequence[Block]) -> str:
        return self._framed("layouts/words.mjml.j2", Markup(self._prose.blocks(blocks)))  # noqa: S704 - escaped node by node

    def _standing(self, block: Container | Figure | LinkCard) -> str:
        match block:
            case Container():
                return self._block(block)
            case Figure():
                return self._figure(block)
            case LinkCard(line, link, site, poster):
                context = {
                    **self._shared,
                    "label": label_of(block),
                    "site": site,
                    "poster": poster,
                    "href": self._prose.address(link.target),
                    "address": Markup(self._prose.inline(link.children)),  # noqa: S704 - escaped node by node
                }
                return f"<!--@{line}-->{self._templates.render('layouts/linkcard.mjml.j2', context)}"

    def _figure(self, figure: Figure) -> str:
        source, href = figure.picture.source, self._prose.address(figure.link)
        size = self._pictures.size(source)
        context = {
            "source": source,
            "alt": self._prose.attribute(figure.picture.alt) or href,
            "width": size[0] if size else 0,
            "narrow": size is not None and size[0] < self._templates.column,
            "start": self._shared["start"],
            "href": href,
            "caption": Markup(self._prose.inline(figure.caption)),  # noqa: S704
        }
        return f"<!--@{figure.line}-->{self._templates.render('layouts/figure.mjml.j2', context)}"

    def _block(self, block: Container) -> str:
        """A block by its template, drawn anew only where its view is another or it asks for what differs by edition."""
        view = view_of(block, self._scene, self._views)
        if view is None:
            return ""
        self._blocks += 1
        if view.label:
            self._prose.outline.label()
        if (drawn := self._drawn.get(block, view)) is not None:
            return drawn
        before = self._state()
        name = f"blocks/{block.name}.mjml.j2"
        context = {**self._shared, **view._asdict()}
        context["links"] = [
            {
                "label": self._prose.attribute(link.label),
                "href": self._prose.address(link.target),
                "own": any(isinstance(part, Merge) for part in link.target),
            }
            for link in view.links
        ]
        context["lines"] = [self._prose.attribute(line) for line in view.lines]
        context["body"] = self._column(block.blocks) if view.says_body else Markup()
        drawn = f"<!--@{block.line}-->{self._templates.render(name, context)}"
        if self._state() == before and not self._templates.is_of_one_edition(name):
            self._drawn.keep(block, view, drawn)
        return drawn

    def _state(self) -> tuple[int, ...]:
        """Moves on with whatever depends on more than the block it stands in: merge tags, headings, notes, blocks in it."""
        return (self._tags.asked, self._prose.counted, self._blocks)


def _loaded(sources: Mapping[str, str], name: str, theme: Theme) -> tuple[str, str, Any] | None:
    source = sources.get(name)
    return None if source is None else (theme.written_into(source), f"emails/{name}", lambda: True)


def _located(wrong: Exception, name: str) -> RenderError:
    """Jinja's own line where it has one, else the last template line of the traceback."""
    line = getattr(wrong, "lineno", None)
    file = getattr(wrong, "filename", None) or f"emails/{name}"
    if line is None:
        frames = [f for f in traceback.extract_tb(wrong.__traceback__) if f.filename.startswith("emails/")]
        if frames:
            file, line = frames[-1].filename, frames[-1].lineno
    return RenderError(f"{type(wrong).__name__}: {wrong}", file=file, line=line, fix="correct the template")
