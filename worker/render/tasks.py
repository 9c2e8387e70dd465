"""Task lists: an item that begins with `[ ]` or `[x]` is a task. A mail shows a mark; there is nothing to tick in it."""

from __future__ import annotations

from dataclasses import replace

from worker.render.blocks import Block, Paragraph, Text

#: What readers see in place of the brackets, by whether the task is done.
MARKS = {False: "\u2610", True: "\u2611"}

_WRITTEN = {"[ ] ": False, "[x] ": True, "[X] ": True}


def without_mark(item: tuple[Block, ...]) -> tuple[bool | None, tuple[Block, ...]]:
    """Whether an item of a list is a task that is done (None: it is no task), and the item without its brackets."""
    match item:
        case [Paragraph(_, [Text(words), *_]) as first, *_] if words[:4] in _WRITTEN:
            left = (Text(words[4:]),) if words[4:] else ()
            return _WRITTEN[words[:4]], (replace(first, children=(*left, *first.children[1:])), *item[1:])
    return None, item
