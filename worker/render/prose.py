"""Prose as HTML: paragraphs, headings, lists, quotes, code and tables, as they stand inside one <mj-text>.

Written by hand rather than by template because a letter holds hundreds of these nodes. Styles come from the theme
(emails/theme.toml, [prose] and [gap]) and are inline: Gmail gives readers with other accounts no <style> at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import escape

from worker.domain.edition import Place
from worker.render.blocks import (
    Block,
    Break,
    Code,
    CodeBlock,
    Figure,
    Heading,
    Inline,
    Link,
    Listing,
    Merge,
    Paragraph,
    Picture,
    Pieces,
    Quote,
    Rule,
    Styled,
    Table,
    Text,
)
from worker.render.placeholders import MergeTags

_SPECIAL = re.compile("[&<>\"']")


@dataclass(frozen=True, slots=True)
class Styles:
    """Inline CSS by tag, without double quotes: for the first element of a column, for later ones, and without a margin."""

    first: Mapping[str, str]
    later: Mapping[str, str]
    prose: Mapping[str, str]

    @classmethod
    def of(cls, prose: Mapping[str, str], gaps: Mapping[str, int]) -> Styles:
        """From the theme: CSS by tag, and the space above each in pixels."""
        return cls(
            first={tag: f"margin:0;{css}" for tag, css in prose.items()},
            later={tag: f"margin:{gaps.get(tag, 0)}px 0 0;{css}" for tag, css in prose.items()},
            prose=prose,
        )


class Prose:
    """Writes the prose of one edition; placeholders are asked of its merge tags."""

    def __init__(self, tags: MergeTags, styles: Styles) -> None:
        self._tags = tags
        self._styles = styles
        self._link = styles.prose["a"]

    def blocks(self, blocks: Sequence[Block], gap_above: bool = False) -> str:
        """HTML of prose blocks; each begins with a mark of its line for the guard."""
        made: list[str] = []
        for block in blocks:
            styles = self._styles.later if gap_above or made else self._styles.first
            made.append(f"<!--@{block.line}-->{self._block(block, styles)}")
        return "".join(made)

    def inline(self, nodes: Sequence[Inline]) -> str:
        """HTML of inline nodes."""
        return "".join([self._node(node) for node in nodes])

    def attribute(self, pieces: Pieces) -> str:
        """Text for an attribute, not escaped yet."""
        return self._tags.fill(pieces, Place.HTML)

    def address(self, target: Pieces) -> str:
        """A link's address, not escaped yet."""
        return self._tags.address(target, Place.HTML)

    def _node(self, node: Inline) -> str:
        match node:
            case Text(text):
                return escape(text) if _SPECIAL.search(text) else text
            case Styled(tag, children):
                return f"<{tag}>{self.inline(children)}</{tag}>"
            case Link(target, children):
                # A reader's own link must not pass through SendGrid's click counter.
                own = ' clicktracking="off"' if any(isinstance(part, Merge) for part in target) else ""
                href = escape(self.address(target))
                return f'<a class="link" href="{href}" style="{self._link}"{own}>{self.inline(children)}</a>'
            case Merge():
                return self._tags.placeholder(node, Place.HTML)
            case Break():
                return "<br>"
            case Code(text):
                return f'<code class="code" style="{self._styles.prose["code"]}">{escape(text)}</code>'
            case Picture(source, alt):
                return self._picture(source, alt)

    def _block(self, block: Block, styles: Mapping[str, str]) -> str:
        match block:
            case Paragraph(_, children):
                return f'<p style="{styles["p"]}">{self.inline(children)}</p>'
            case Heading(_, level, children):
                tag = f"h{level}"
                return f'<{tag} class="head" style="{styles[tag]}">{self.inline(children)}</{tag}>'
            case Listing():
                return self._listing(block, styles)
            case Quote(_, blocks):
                return f'<blockquote class="quote" style="{styles["blockquote"]}">{self.blocks(blocks)}</blockquote>'
            case Rule():
                return f'<p role="separator" class="soft" style="{styles["hr"]}">·&nbsp; ·&nbsp; ·</p>'
            case CodeBlock(_, text):
                return f'<pre class="code" style="{styles["pre"]}">{escape(text)}</pre>'
            case Table():
                return self._table(block, styles)
            case Figure(_, picture, link, caption):
                image = self._picture(picture.source, picture.alt)
                if link:
                    image = f'<a href="{escape(self.address(link))}">{image}</a>'
                words = f"<br>{self.inline(caption)}" if caption else ""
                return f'<p style="{styles["p"]}">{image}{words}</p>'
        raise AssertionError(f"{type(block).__name__} is no prose")  # pragma: no cover - the layout sorts them out

    def _listing(self, block: Listing, styles: Mapping[str, str]) -> str:
        items = []
        for number, item in enumerate(block.items):
            style = (self._styles.later if number else self._styles.first)["li"]
            inner = item
            words = ""
            if block.tight and item and isinstance(item[0], Paragraph):
                words, inner = self.inline(item[0].children), item[1:]
            items.append(f'<li style="{style}">{words}{self.blocks(inner, gap_above=bool(words))}</li>')
        if block.start is None:
            return f'<ul style="{styles["ul"]}">{"".join(items)}</ul>'
        start = f' start="{block.start}"' if block.start != 1 else ""
        return f'<ol{start} style="{styles["ol"]}">{"".join(items)}</ol>'

    def _table(self, block: Table, styles: Mapping[str, str]) -> str:
        aligns = [f"text-align:{align or 'left'};" for align in block.aligns]
        head = "".join(
            f'<th scope="col" class="grid" style="{align}{styles["th"]}">{self.inline(cell)}</th>'
            for align, cell in zip(aligns, block.head, strict=False)
        )
        rows = "".join(
            "<tr>"
            + "".join(
                f'<td class="grid" style="{align}{styles["td"]}">{self.inline(cell)}</td>'
                for align, cell in zip(aligns, row, strict=False)
            )
            + "</tr>"
            for row in block.rows
        )
        return f'<table style="{styles["table"]}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'

    def _picture(self, source: str, alt: Pieces) -> str:
        style = "display:block;width:100%;max-width:480px;height:auto;border-radius:8px;"
        return f'<img src="{escape(source)}" alt="{escape(self.attribute(alt))}" width="480" style="{style}">'
