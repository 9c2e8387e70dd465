"""The Markdown rules for `<!-- remarks -->`: what an author notes for themselves reaches no reader.

Anywhere else HTML is text, but a remark that was hidden in every other program would be read aloud here. CommonMark's
two forms: a block that begins with one, and one within a line.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_REMARK = re.compile(r"<!--->|<!-->|<!--.*?-->", re.DOTALL)


def add_comments(md: MarkdownIt) -> None:
    """Teach a parser to leave remarks out."""
    md.block.ruler.before("hr", "remark", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    md.inline.ruler.before("autolink", "remark", _inline)


def _inline(state: StateInline, silent: bool) -> bool:
    if not state.src.startswith("<!--", state.pos):
        return False
    found = _REMARK.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    state.pos = found.end()
    return True


def _block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Lines from `<!--` to the one that ends with `-->`; where more follows on that line, the inline rule has it."""
    if state.is_code_block(start) or not state.src.startswith("<!--", state.bMarks[start] + state.tShift[start]):
        return False
    for row in range(start, end):
        if row > start and state.sCount[row] < state.blkIndent and not state.isEmpty(row):
            return False  # a list item or quote around it ends here
        line = state.src[state.bMarks[row] + state.tShift[row] : state.eMarks[row]]
        _, closed, after = line.partition("-->") if row > start else line[4:].partition("-->")
        if closed:
            if after.strip():
                return False
            if not silent:
                state.line = row + 1
            return True
    return False
