"""The provider's protocol for mail that waits there: a batch id under which scheduled mail can be taken back until its hour.

Every call here may be repeated: asking twice changes nothing more. What follows from an answer is the ledger's business
(worker/store/ledger/staging.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Waiting(StrEnum):
    """What the provider says of the mail under a batch id, when asked."""

    GOES = "goes"  # nothing was asked: it goes at its hour
    PAUSED = "paused"  # held; thrown away 72 h after its hour
    CANCELLED = "cancelled"  # will be thrown away at its hour


@dataclass(frozen=True, slots=True)
class Reserved:
    """A fresh batch id."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """The provider said that it is so now. For a cancellation, believe only what `read` says afterwards."""


@dataclass(frozen=True, slots=True)
class Declined:
    """A 4xx: asking again as it is will not help. `full`: all of the account's cancel slots are in use.

    `reason` is safe to log and to show.
    """

    status: int
    reason: str
    full: bool = False


@dataclass(frozen=True, slots=True)
class Unreached:
    """No usable answer (nothing listens, time-out, 429, 5xx): nobody knows whether it was done. Ask again."""

    reason: str
    status: int | None = None


class Scheduler(Protocol):
    """Reserves batch ids and takes back what waits under them. `SendGridScheduler` is one."""

    def reserve(self) -> Reserved | Declined | Unreached:
        """A batch id, valid for ten days (the ledger uses it for one)."""
        ...

    def cancel(self, batch_id: str) -> Done | Declined | Unreached:
        """Ask that the mail under this id be thrown away at its hour. One that is asked for already counts as Done."""
        ...

    def read(self, batch_id: str) -> Waiting | Declined | Unreached:
        """What was last asked for this id."""
        ...

    def free(self, batch_id: str) -> Done | Declined | Unreached:
        """Give the cancel slot back. **Before the hour this revives the mail**: only for ids whose hour is long past."""
        ...
