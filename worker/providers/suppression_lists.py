"""The provider's own suppression lists: what stands on them, page by page; adding to the one for opt-outs, and taking off.

Every call may be repeated. What becomes of an entry is decided by the use case, not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from worker.domain.suppression import SuppressionReason
from worker.providers.scheduled import Declined, Done, Unreached


class ListName(StrEnum):
    """The provider's lists, by its own names."""

    BOUNCES = "bounces"
    BLOCKS = "blocks"
    INVALID = "invalid_emails"
    COMPLAINTS = "spam_reports"
    OPT_OUTS = "unsubscribes"


@dataclass(frozen=True, slots=True)
class Entry:
    """An address on a list, since `at`. `reason` is what it is suppressed for; None: it says nothing about the address."""

    address: str
    at: datetime
    reason: SuppressionReason | None


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list. `rows` is how many rows of it were read, usable or not; `last`: nothing follows."""

    entries: Sequence[Entry]
    rows: int
    last: bool


class SuppressionLists(Protocol):
    """Reads the lists, adds to one and takes off it. `SendGridLists` is one."""

    def read(self, name: ListName, since: datetime | None, until: datetime, offset: int) -> Page | Declined | Unreached:
        """The page from row `offset` of those added from `since` (None: ever) to `until`."""
        ...

    def add(self, addresses: Sequence[str]) -> Done | Declined | Unreached:
        """Put up to ADD_MOST addresses on the list of opt-outs; those there already count as done."""
        ...

    def remove(self, address: str) -> Done | Declined | Unreached:
        """Take one address off the list of opt-outs; one that is not there counts as done."""
        ...


ADD_MOST = 500  # addresses in one call: no limit is documented, so that of a page is kept to
