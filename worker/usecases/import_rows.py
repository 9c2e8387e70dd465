"""What a file says of one person, whatever file it was: the one form in which formats hand on what they read.

Knows no file and no database, and decides nothing about people who are here already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from worker.domain.subscriber import Plan, SubscriberStatus, Wants
from worker.domain.suppression import SuppressionReason

NOBODY: frozenset[str] = frozenset()


class RowKind(StrEnum):
    """What a row is about."""

    PERSON = "person"
    SUPPRESSION = "suppression"  # an address that must not be mailed and is nobody's
    ERASED = "erased"  # somebody whose personal data was removed


@dataclass(frozen=True, slots=True)
class Links:
    """Whom a row names besides the person it is about: an address, or the code of somebody erased; empty for nobody.

    `milestones` and `known_keys` are what the person reached, and hashes of addresses they had, as an export wrote them.
    """

    referred_by: str = ""
    referred_at: datetime | None = None
    referral_confirmed_at: datetime | None = None
    merged_into: str = ""
    referral_state: str = ""
    referral_reason: str = ""
    milestones: frozenset[str] = frozenset()
    known_keys: frozenset[str] = frozenset()


@dataclass(slots=True)  # not frozen, which would double what a row costs; nobody changes one
class SubscriberRow:
    """One readable record. None or empty where the cell was blank or there is no such column.

    `plan_ends_on_day`: the cell named a day, all of which is paid for; an hour of it nobody said.
    `status` is where consent stands, `reason` why the address must not be mailed, `left_at` since when. `unsaid`: the
    file does not say whether they agreed, so they are pending. `plan_yields_to`: None, or the plan is only a summary and
    changes nobody whose plan has a source or who carries one of these tags. The fields from `referral_code` on are those
    of our own export alone.
    """

    line: int
    address: str
    name: str = ""
    plan: Plan | None = None
    plan_source: str = ""
    plan_ends_at: datetime | None = None
    plan_ends_on_day: bool = False
    plan_yields_to: frozenset[str] | None = None
    status: SubscriberStatus | None = None
    reason: SuppressionReason | None = None
    left_at: datetime | None = None
    unsaid: bool = False
    tags: frozenset[str] = NOBODY
    language: str = ""
    zone: str = ""
    country: str = ""
    joined_at: datetime | None = None
    stripe_id: str = ""
    referrer: str = ""
    consent: str = ""
    wants: Wants | None = None
    paused_until: datetime | None = None
    kind: RowKind = RowKind.PERSON
    referral_code: str = ""
    source: str | None = None
    evidence: str | None = None
    confirmed_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    erased_at: datetime | None = None
    links: Links | None = None
    hashed_under: str = ""

    @property
    def leaves(self) -> bool:
        """Whether the row says that they must not be mailed."""
        return self.reason is not None or self.status is SubscriberStatus.UNSUBSCRIBED


@dataclass(frozen=True, slots=True)
class SetAsideRow:
    """A record nobody is to be made of, and no mistake: why, in a few words."""

    line: int
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A record that cannot be used: its first line (the first of the file is 1) and why, in one sentence.

    `cells` are as they stood in the file; None where it could not be taken apart, and `raw` is the line then.
    """

    line: int
    address: str
    reason: str
    cells: tuple[str, ...] | None = field(default=None, compare=False)
    raw: str = field(default="", compare=False)


ReadRow = SubscriberRow | SetAsideRow | RefusedRow
