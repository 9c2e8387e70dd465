"""The outline: which level a heading gets, so that readers of a screen reader find no step missing.

The title is level 1. What the author used as the highest level becomes 2, and what comes below it one deeper at most,
whatever was written. Labels of blocks are headings of level 2 as well. One outline follows one edition from top to end.
"""

from __future__ import annotations

_LOWEST = 6


class Outline:
    """Asked for every heading and label of an edition, in reading order."""

    def __init__(self) -> None:
        self._open: list[int] = []  # written levels of the headings we are under, the first of which is level 2
        self._top = _LOWEST + 1

    def heading(self, written: int) -> int:
        """The level, 2 to 6, of a heading that the author wrote with so many `#`."""
        while self._open and self._open[-1] >= written:
            self._open.pop()
        self._open.append(written)
        self._top = min(self._top, written)
        return min(len(self._open) + 1, _LOWEST)

    def label(self) -> None:
        """A block's label stands here: level 2, and beside the author's highest so far."""
        self._open = [self._top]
