"""The layout: a cut tree becomes MJML by the templates in emails/. Templates are trusted; content is never one.

Prose runs together into one section; every other block is its own template, given its view and its body. Which
looks a block has is the templates' and the theme's business alone.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateError
from jinja2 import Template as Compiled
from markupsafe import Markup

from worker.domain.edition import MergeName, Place
from worker.errors import RenderError
from worker.render.blocks import Block, Container, Figure, Merge, Tree
from worker.render.placeholders import MergeTags, split
from worker.render.prose import Prose
from worker.render.registry import KINDS, Room
from worker.render.scene import Scene
from worker.render.theme import Theme
from worker.render.views import View

# Keeps body text out of the inbox's preview line. Literal, not entities: SendGrid picks the charset from the bytes,
# and mail it calls iso-8859-1 is shown clipped by Gmail (sendgrid-python#1011).
_PADDING = ("\u200c\u00a0" * 25 + "\n") * 4  # lines, for mail has none over 998 bytes

_VIEW_FIELDS = tuple(field.name for field in fields(View))
_RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"}


class Templates:
    """Compiled templates. `sources` maps names such as `blocks/audio.mjml.j2` to text; `theme` is emails/theme.toml."""

    def __init__(self, sources: Mapping[str, str], theme: Mapping[str, Any]) -> None:
        made = Theme.of(theme)
        self._environment = Environment(
            loader=FunctionLoader(lambda name: _loaded(sources, name, made)),
            autoescape=True,  # by hand: select_autoescape() is off for names that end in .mjml.j2
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._compiled: dict[str, Compiled] = {}
        self.styles = made.styles
        self._environment.globals.update(made.names)

    @cached_property
    def style(self) -> Markup:
        """The style sheet, which is the same for every mail."""
        return self.render("layouts/style.mjml.j2", {})

    def mjml(self, tree: Tree, scene: Scene, tags: MergeTags, message: str) -> str:
        """MJML of a cut tree in the layout `emails/messages/<message>.mjml.j2`. Raises RenderError."""
        return _Sheet(self, scene, tags).message(tree, message)

    def render(self, name: str, context: Mapping[str, Any]) -> Markup:
        """One template. RenderError names its file and line."""
        try:
            template = self._compiled.get(name)
            if template is None:
                template = self._compiled[name] = self._environment.get_template(name)
                # Jinja copies the globals on every render; a plain dict is copied ten times as fast as its ChainMap.
                template.globals = dict(template.globals)
            return Markup(template.render(context))  # noqa: S704 - made by an autoescaping template
        except (TemplateError, TypeError) as wrong:
            raise _located(wrong, name) from wrong


class _Sheet:
    """One edition on its way to MJML."""

    def __init__(self, templates: Templates, scene: Scene, tags: MergeTags) -> None:
        self._templates = templates
        self._scene = scene
        self._tags = tags
        self._prose = Prose(tags, templates.styles)
        direction = _direction(scene.publication.language)
        self._shared: dict[str, Any] = {
            "publication": scene.publication,
            "issue": scene.text,
            "plan": scene.plan.value,
            "merge": lambda name: tags.placeholder(Merge(MergeName(name)), Place.HTML),
            "style": templates.style,
            "direction": direction,
            "start": "right" if direction == "rtl" else "left",
            "end": "left" if direction == "rtl" else "right",
            "padding": _PADDING,
            "facts": scene.facts,
            "date": scene.date,
        }

    def message(self, tree: Tree, message: str) -> str:
        text = self._scene.text
        preview = self._tags.fill(split(text.preview[self._scene.plan], text.file), Place.HTML)
        context = {"body": Markup("".join(self._sections(tree.blocks))), "preview": preview, **self._shared}  # noqa: S704
        return self._templates.render(f"messages/{message}.mjml.j2", context)

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
        yield "<!--@0-->"

    def _prose_section(self, run: Sequence[Block]) -> str:
        return self._templates.render("layouts/prose.mjml.j2", {**self._shared, "body": self._column(run)})

    def _column(self, blocks: Sequence[Block]) -> Markup:
        """What stands in a column: words, pictures and buttons."""
        made: list[str] = []
        words: list[Block] = []
        for block in blocks:
            if not isinstance(block, Container | Figure):
                words.append(block)
                continue
            if words:
                made.append(self._words(words))
                words = []
            made.append(self._block(block) if isinstance(block, Container) else self._figure(block))
        if words:
            made.append(self._words(words))
        return Markup("".join(made))  # noqa: S704

    def _words(self, blocks: Sequence[Block]) -> str:
        html = Markup(self._prose.blocks(blocks))  # noqa: S704 - escaped node by node
        return self._templates.render("layouts/words.mjml.j2", {"body": html})

    def _figure(self, figure: Figure) -> str:
        context = {
            "source": figure.picture.source,
            "alt": self._prose.attribute(figure.picture.alt),
            "href": self._prose.address(figure.link),
            "caption": Markup(self._prose.inline(figure.caption)),  # noqa: S704
        }
        return f"<!--@{figure.line}-->{self._templates.render('layouts/figure.mjml.j2', context)}"

    def _block(self, block: Container) -> str:
        look = KINDS[block.name].view
        view = look(block, self._scene) if look else None
        if view is None:
            return ""
        context = {**self._shared, **_fields(view)}
        context["links"] = [
            {
                "label": self._prose.attribute(link.label),
                "href": self._prose.address(link.target),
                "own": any(isinstance(part, Merge) for part in link.target),
            }
            for link in view.links
        ]
        context["body"] = self._column(block.blocks) if view.says_body else Markup()
        return f"<!--@{block.line}-->{self._templates.render(f'blocks/{block.name}.mjml.j2', context)}"


def _direction(language: str) -> str:
    return "rtl" if language.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"


def _fields(view: View) -> dict[str, Any]:
    return {name: getattr(view, name) for name in _VIEW_FIELDS}


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
