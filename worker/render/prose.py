"""Prose as HTML: paragraphs, headings, lists, quotes, code and tables, as they stand inside one <mj-text>.

Written by hand rather than by template because a letter holds hundreds of these nodes. Styles are the theme's
(worker/render/styles.py) and inline: Gmail gives readers with other accounts no <style> at all. Lists are indented by a
margin, for Word's engine, which draws Outlook's mail, puts a bullet into the margin and knows no padding there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from markupsafe import escape

from worker.domain.edition import Place
from worker.render.blocks import (
    Block,
    Break,
    Code,
    CodeBlock,
    Figure,
    Footnote,
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
from worker.render.direction import LTR
from worker.render.highlight import runs_of
from worker.render.outline import Outline
from worker.render.pictures import Pictures
from worker.render.placeholders import MergeTags
from worker.render.shared import OfBlocks
from worker.render.styles import Styles
from worker.render.tables import breakable
from worker.render.tasks import MARKS

_SPECIAL = re.compile("[&<>\"']")
_IN_LIST = 480  # pixels: the widest picture in a list or a quote


class Prose:
    """Writes the prose of one edition, from top to end; placeholders are asked of its merge tags."""

    def __init__(
        self,
        tags: MergeTags,
        styles: Styles,
        pictures: Pictures,
        direction: str = LTR,
        shared: OfBlocks | None = None,
    ) -> None:
        """`shared` holds blocks that another edition of the same text has written already."""
        self._tags = tags
        self._shared = shared or OfBlocks()
        self.counted = 0  # headings and footnotes, whose numbers depend on what stands before them
        self._here = styles.turned if direction != LTR and styles.turned else styles
        self._turned = styles if self._here is styles.turned else styles.turned or styles
        self._direction = direction
        self._pictures = pictures
        self._link = styles.prose["a"]
        self._columns = 0  # of the table we are in
        self.outline = Outline()
        self._notes: dict[int, Footnote] = {}

    def blocks(self, blocks: Sequence[Block], gap_above: bool = False) -> str:
        """HTML of prose blocks; each begins with a mark of its line for the guard."""
        made: list[str] = []
        for block in blocks:
            made.append(f"<!--@{block.line}-->{self._once(block, gap_above or bool(made))}")
        return "".join(made)

    def _once(self, block: Block, later: bool) -> str:
        """A block, written anew only where it holds a merge tag, a footnote or, inside it, a heading."""
        level = self._level(block)
        how = (later, self._direction, self._columns, level)
        if (written := self._shared.get(block, how)) is not None:
            return written
        before = (self._tags.asked, self.counted)
        made = self._block(block, later, level)
        if (self._tags.asked, self.counted) == before:
            self._shared.keep(block, how, made)
        return made

    def _level(self, block: Block) -> int:
        """The level of a heading, which depends on what stands before it; 0 for anything else."""
        if not isinstance(block, Heading):
            return 0
        self.counted += 1
        return self.outline.heading(block.level)

    def inline(self, nodes: Sequence[Inline]) -> str:
        """HTML of inline nodes."""
        return "".join([self._node(node) for node in nodes])

    def attribute(self, pieces: Pieces) -> str:
        """Text for an attribute, not escaped yet."""
        return self._tags.fill(pieces, Place.HTML)

    def address(self, target: Pieces) -> str:
        """A link's address, not escaped yet."""
        return self._tags.address(target, Place.HTML)

    def notes(self) -> str:
        """The footnotes referred to so far, in that order; each number leads back to where it is referred to."""
        made: list[str] = []
        for number, note in enumerate(self._notes.values(), start=1):
            back = f'<a class="link" id="fn{number}" name="fn{number}" href="#fnref{number}" style="{self._link}">{number}.</a> '
            blocks = list(note.blocks)
            if blocks and isinstance(blocks[0], Paragraph):
                opened = self._opened("p", "p", bool(made), blocks[0].direction)
                made.append(f"<!--@{blocks[0].line}-->{opened}>{back}{self.inline(blocks[0].children)}</p>")
                blocks = blocks[1:]
            else:
                made.append(f"{self._opened('p', 'p', bool(made), '')}>{back}</p>")
            made.append(self.blocks(blocks, gap_above=True))
        return "".join(made)

    def _node(self, node: Inline) -> str:
        if isinstance(node, Text):  # most are; a pattern costs twice as much
            if self._columns:
                return breakable(node.text, self._columns)
            return escape(node.text) if _SPECIAL.search(node.text) else node.text
        match node:
            case Styled(tag, children):
                return f"<{tag}>{self.inline(children)}</{tag}>"
            case Link(target, children):
                # A reader's own link must not pass through SendGrid's click counter.
                own = ' clicktracking="off"' if any(isinstance(part, Merge) for part in target) else ""
                href = escape(self.address(target))
                words = self.inline(children) or href  # preflight refuses a link without words; the page stays valid
                if not words:
                    return ""
                return f'<a class="link" href="{href}" style="{self._link}"{own}>{words}</a>'
            case Merge():
                return self._tags.placeholder(node, Place.HTML)
            case Break():
                return "<br>"
            case Code(text):
                words = breakable(text, self._columns) if self._columns else escape(text)
                turned = "" if self._direction == LTR else ' dir="ltr"'
                return f'<code class="code"{turned} style="{self._here.prose["code"]}">{words}</code>'
            case Footnote():
                return self._reference(node)
            case Picture(source, alt):
                return self._picture(source, alt)

    def _reference(self, note: Footnote) -> str:
        self.counted += 1
        again = note.key in self._notes
        self._notes.setdefault(note.key, note)
        number = list(self._notes).index(note.key) + 1
        # Word's engine jumps to `name`, browsers to `id`; where nothing jumps, a plain number is left.
        here = "" if again else f' id="fnref{number}" name="fnref{number}"'
        link = f'<a class="link"{here} href="#fn{number}" style="{self._link}">{number}</a>'
        return f'<sup style="font-size:75%;line-height:0">{link}</sup>'

    def _opened(self, tag: str, look: str, later: bool, direction: str) -> str:
        """An opening tag without its `>`. One that is read from the other side says so, and turns its style round."""
        if not direction or direction == self._direction:
            return f'<{tag} style="{(self._here.later if later else self._here.first)[look]}"'
        css = (self._turned.later if later else self._turned.first)[look]
        return f'<{tag} dir="{direction}" style="{css}text-align:{"left" if direction == LTR else "right"}"'

    def _block(self, block: Block, later: bool, level: int) -> str:
        match block:
            case Paragraph(_, children, direction):
                return f"{self._opened('p', 'p', later, direction)}>{self.inline(children)}</p>"
            case Heading(_, _, children, direction):
                tag = f"h{level}"
                return f'{self._opened(tag, tag, later, direction)} class="head">{self.inline(children)}</{tag}>'
            case Listing() | Quote() | Table():
                return self._within(block, later)
            case Rule():
                style = (self._here.later if later else self._here.first)["hr"]
                return f'<p role="separator" class="soft" style="{style}">·&nbsp; ·&nbsp; ·</p>'
            case CodeBlock(_, text, language):
                return f'{self._opened("pre", "pre", later, LTR)} class="code">{self._code(text, language)}</pre>'
            case Figure(_, picture, link, caption):
                image = self._picture(picture.source, picture.alt, self.address(link))
                words = f"<br>{self.inline(caption)}" if caption else ""
                return f"{self._opened('p', 'p', later, '')}>{image}{words}</p>"
        raise AssertionError(f"{type(block).__name__} is no prose")  # pragma: no cover - the layout sorts them out

    def _within(self, block: Listing | Quote | Table, later: bool) -> str:
        """A block that others stand in: they inherit the side it is read from."""
        look = {Listing: "ul", Quote: "blockquote", Table: "table"}[type(block)]
        if isinstance(block, Listing) and block.start is not None:
            look = "ol"
        opened = self._opened(look, look, later, block.direction)
        outside = (self._direction, self._here, self._turned)
        if block.direction and block.direction != self._direction:
            self._direction, self._here, self._turned = block.direction, self._turned, self._here
        if isinstance(block, Quote):
            made = f'{opened} class="quote">{self.blocks(block.blocks)}</blockquote>'
        elif isinstance(block, Listing):
            made = self._listing(block, opened, look)
        else:
            made = self._table(block, opened)
        self._direction, self._here, self._turned = outside
        return made

    def _listing(self, block: Listing, opened: str, tag: str) -> str:
        items = []
        for number, item in enumerate(block.items):
            inner, words, direction, task = item, "", "", False
            first = item[0] if item else None
            if isinstance(first, Paragraph):
                if block.tasks and (done := block.tasks[number]) is not None:
                    first = replace(first, children=(Text(f"{MARKS[done]}\u00a0"), *first.children))
                    inner, task = (first, *item[1:]), True
                if block.tight:
                    words, inner, direction = self.inline(first.children), inner[1:], first.direction
            li = self._opened("li", "li", number > 0, direction)
            li = f'{li[:-1]}list-style-type:none"' if task else li
            items.append(f"{li}>{words}{self.blocks(inner, gap_above=bool(words))}</li>")
        start = f' start="{block.start}"' if block.start not in (None, 1) else ""
        return f"{opened}{start}>{''.join(items)}</{tag}>"

    def _code(self, text: str, language: str) -> str:
        if not language:
            return escape(text)
        looks = self._here.prose
        return "".join(
            f'<span class="{kind}" style="{looks[kind]}">{escape(run)}</span>' if kind in looks else escape(run)
            for kind, run in runs_of(language, text)
        )

    def _table(self, block: Table, opened: str) -> str:
        start = "left" if self._direction == LTR else "right"
        aligns = [f"text-align:{align or start};" for align in block.aligns]
        outside, self._columns = self._columns, len(aligns)
        head = "".join(self._cell("th", align, cell) for align, cell in zip(aligns, block.head, strict=False))
        rows = "".join(
            f"<tr>{''.join(self._cell('td', align, cell) for align, cell in zip(aligns, row, strict=False))}</tr>"
            for row in block.rows
        )
        self._columns = outside
        attributes = ' cellpadding="0" cellspacing="0" border="0" width="100%"'
        # MRML lets every word in its cells break, and columns would be squeezed until ordinary words do.
        return (
            f'{opened[:-1]}word-break:normal"{attributes}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        )

    def _cell(self, tag: str, align: str, cell: Sequence[Inline]) -> str:
        style = f'class="grid" style="{align}{self._here.prose[tag]}"'
        if tag == "th" and cell:
            return f'<th scope="col" {style}>{self.inline(cell)}</th>'
        return f"<td {style}>{self.inline(cell)}</td>"  # a head without words is no head

    def _picture(self, source: str, alt: Pieces, href: str = "") -> str:
        width, height = self._pictures.fitted(source, _IN_LIST)
        high = f' height="{height}"' if height else ""
        style = f"display:block;width:100%;max-width:{width}px;height:auto;border-radius:3px;"
        words = escape(self.attribute(alt) or href)
        image = f'<img src="{escape(source)}" alt="{words}" width="{width}"{high} style="{style}">'
        return f'<a href="{escape(href)}">{image}</a>' if href else image
