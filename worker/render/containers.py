"""The Markdown rule for containers: `::: name args`, closed by `:::`, nested by opening and closing alone.

The number of colons (three or more) carries no meaning, so nobody has to count them. A line such as
`::: paywall :::` opens and closes at once. What is unclosed, or closes nothing, is an error with its line.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

_OPENING = re.compile(r":{3,}[ \t]*([^\s:][^\n]*)")
_CLOSING = re.compile(r":{3,}[ \t]*")
_CLOSED_AT_ONCE = re.compile(r"[ \t]+:{3,}[ \t]*$")
_FENCE = re.compile(r"(`{3,}|~{3,})(.*)")


class Unbalanced(Exception):
    """A container's line (from 0) that is unclosed or closes nothing; the caller knows the file."""

    def __init__(self, problem: str, row: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.row = row


def add_containers(md: MarkdownIt) -> None:
    """Teach a parser containers; their tokens are `container_open` (info: name and args) and `container_close`."""
    md.block.ruler.before("fence", "container", _container, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def _container(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    line = _line(state, start)
    if not line.startswith(":::"):
        return False
    if _CLOSING.fullmatch(line):
        raise Unbalanced("this `:::` closes nothing", start)
    opening = _OPENING.fullmatch(line)
    if opening is None:
        return False
    if silent:
        return True
    info = opening[1]
    if at_once := _CLOSED_AT_ONCE.search(info):
        last, after = start + 1, start + 1
        info = info[: at_once.start()]
    else:
        last = _closing_row(state, start, end, info)
        after = last + 1
    _push(state, start, last, after, info.strip())
    return True


def _push(state: StateBlock, start: int, last: int, after: int, info: str) -> None:
    old_parent, old_max = state.parentType, state.lineMax
    state.parentType = "container"
    state.lineMax = last  # keeps a paragraph from running on past the closing line
    opened = state.push("container_open", "div", 1)
    opened.info = info
    opened.map = [start, after]
    opened.block = True
    state.md.block.tokenize(state, start + 1, last)
    state.push("container_close", "div", -1).block = True
    state.parentType, state.lineMax = old_parent, old_max
    state.line = after


def _closing_row(state: StateBlock, start: int, end: int, info: str) -> int:
    depth, fence = 1, ""
    for row in range(start + 1, end):
        line = _line(state, row)
        if line and state.sCount[row] < state.blkIndent:
            break  # a list item or quote around it ends here
        if state.is_code_block(row):
            continue
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif line.startswith(fence) and not mark[2].strip(fence[0] + " \t"):
                fence = ""
        elif fence:
            continue
        elif _CLOSING.fullmatch(line):
            depth -= 1
            if depth == 0:
                return row
        elif _OPENING.fullmatch(line) and not _CLOSED_AT_ONCE.search(line):
            depth += 1
    raise Unbalanced(f"`::: {info.split(maxsplit=1)[0]}` is never closed", start)


def _line(state: StateBlock, row: int) -> str:
    return state.src[state.bMarks[row] + state.tShift[row] : state.eMarks[row]]
