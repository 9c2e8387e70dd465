"""Walks over block trees: every block, every inline node, each with the line of its block.

What a footnote says comes after the block that first refers to it, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from worker.render.blocks import (
    Block,
    Container,
    Figure,
    Footnote,
    Heading,
    Inline,
    Link,
    LinkCard,
    Listing,
    Paragraph,
    Quote,
    Styled,
    Table,
    Text,
)
from worker.render.inlines import wording
from worker.render.placeholders import marked


def blocks_in(blocks: Iterable[Block]) -> Iterator[Block]:
    """Every block, outer before inner."""
    yield from _blocks_in(blocks, set())


def _blocks_in(blocks: Iterable[Block], noted: set[int]) -> Iterator[Block]:
    for block in blocks:
        yield block
        match block:
            case Container(blocks=inner) | Quote(blocks=inner):
                yield from _blocks_in(inner, noted)
            case Listing(items=items):
                for item in items:
                    yield from _blocks_in(item, noted)
            case _:
                for nodes in _lines(block):
                    for note in _notes(nodes):
                        if note.key not in noted:
                            noted.add(note.key)
                            yield from _blocks_in(note.blocks, noted)


def nodes_in(blocks: Iterable[Block]) -> Iterator[tuple[int, Inline]]:
    """Every inline node with its block's line; a Figure's picture is not one, its caption is."""
    for block in blocks_in(blocks):
        for nodes in _lines(block):
            yield from ((block.line, node) for node in _deep(nodes))


def words_of(blocks: Iterable[Block]) -> list[str]:
    """What every block says by itself, without its styling; addresses are left out."""
    said = []
    for block in blocks_in(blocks):
        said += [wording(nodes) for nodes in _lines(block)]
        match block:
            case Figure(picture=picture):
                said.append(marked(picture.alt))
            case Container(args=args):
                said.append(args)
            case _ if hasattr(block, "text"):
                said.append(block.text)
    return [words for words in said if words.strip()]


def _lines(block: Block) -> list[tuple[Inline, ...]]:
    match block:
        case Paragraph(children=children) | Heading(children=children):
            return [children]
        case Figure(caption=caption):
            return [caption]
        case LinkCard(link=link):
            return [(link,)]
        case Table(head=head, rows=rows):
            return [*head, *(cell for row in rows for cell in row)]
    return []


def _notes(nodes: Iterable[Inline]) -> list[Footnote]:
    """The footnotes that are referred to; nearly always none, so this makes no iterator for each word."""
    found: list[Footnote] = []
    for node in nodes:
        if isinstance(node, Text):
            continue
        if isinstance(node, Footnote):
            found.append(node)
        elif isinstance(node, Styled | Link):
            found += _notes(node.children)
    return found


def _deep(nodes: Iterable[Inline]) -> Iterator[Inline]:
    for node in nodes:
        yield node
        if isinstance(node, Styled | Link):
            yield from _deep(node.children)
