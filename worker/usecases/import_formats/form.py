"""What a format is: a name, how its header is told from others, and how a reader of its records comes about.

A reader takes a line's number and its cells by column, and gives a row; ValueError says why a record cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from worker.usecases.import_rows import SetAsideRow, SubscriberRow
from worker.usecases.read_cells import clean

Cells = Mapping[str, str]  # column as `column_name` gives it -> cell without padding; a short record lacks some
Reader = Callable[[int, Cells], SubscriberRow | SetAsideRow]


def column_name(text: str) -> str:
    """A column's name as it is looked up: `E-Mail`, ` e_mail ` and `e mail` are one."""
    return " ".join(clean(text).strip("\"'").casefold().replace("_", " ").replace("-", " ").split())


@dataclass(frozen=True)
class Header:
    """The columns of a file, in their order, as `column_name` gives them; a column without a name is empty."""

    names: tuple[str, ...]
    file: str  # its name, without folders

    @cached_property
    def having(self) -> frozenset[str]:
        """The names as a set."""
        return frozenset(self.names)


@dataclass(frozen=True, slots=True)
class Format:
    """One platform's export. `uses`: columns it reads; one of them may not be there twice.

    `keeps_text`: cells are handed over as they stand, padding and all, for it is our own.
    """

    name: str
    fits: Callable[[Header], bool]
    prepare: Callable[[Header], Reader]
    uses: frozenset[str]
    keeps_text: bool = False


def having(*columns: str, without: tuple[str, ...] = ()) -> Callable[[Header], bool]:
    """Fits a header that has all of these columns and none of those."""
    wanted, unwanted = frozenset(columns), frozenset(without)
    return lambda header: wanted <= header.having and not (unwanted & header.having)


def full_name(cells: Cells, first: str = "first name", last: str = "last name") -> str:
    """A name out of its two columns."""
    return f"{cells.get(first, '')} {cells.get(last, '')}".strip()
