"""Deliveries and batches: one message owed to one subscriber, and rows handed over in one API call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

BATCH_LIMIT = 1_000  # SendGrid: at most 1,000 personalizations in one request (its errors page, 2026-07)


class BatchStatus(StrEnum):
    """Where a batch stands; deliveries take their state from it. The moves are in docs/delivery.md."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    UNCERTAIN = "uncertain"
    REFUSED = "refused"
    SPLIT = "split"
    EMPTY = "empty"
    CANCELLED = "cancelled"


#: A mailing with a batch in one of these is not finished.
OPEN_BATCHES = (BatchStatus.PENDING, BatchStatus.CLAIMED, BatchStatus.SUBMITTING, BatchStatus.UNCERTAIN)


class DeliveryState(StrEnum):
    """The eight states whose counts add up to the audience, always."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class SkipReason(StrEnum):
    """Why somebody is not mailed: at planning an exclusion, just before the call a skipped delivery.

    A new reason is one line here and one rule in worker/store/ledger/eligibility.py.
    """

    UNCONFIRMED = "unconfirmed"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    INVALID = "invalid"
    MANUAL = "manual"
    ERASED = "erased"
    MERGED = "merged"  # another record of the same person has it, had it, or may have
    DUPLICATE = "duplicate"  # another delivery of this mailing already goes to that address
    CONVERTED = "converted"  # applied to the launch, or bought
    MUTED = "muted"  # asked to hear no more of this launch
    UNMERGEABLE = "unmergeable"  # merge values over SendGrid's 10,000 bytes
    CONFIRMED = "confirmed"  # there is nothing left to ask
    LAUNCHES_ONLY = "launches_only"  # wants announcements alone
    PAUSED = "paused"  # until a date of their own
    LATE = "late"  # the step's moment has passed for them since it was planned
    STOPPED = "stopped"  # left the sequence since this step was planned
    STOP_IF = "stop_if"  # the step's rule says that they leave it
    ONLY_IF = "only_if"  # the step's rule does not mean them, or not any more
    SERVED = "served"  # has it already, from mail that was thought to be cancelled


class Outcome(StrEnum):
    """What became of a message at the reader's provider. Theirs; arrives later, may never arrive."""

    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BLOCKED = "blocked"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    COMPLAINED = "complained"


#: A later outcome replaces an earlier one only if it stands further right: any order of events ends the same.
OUTCOME_ORDER: tuple[Outcome, ...] = tuple(Outcome)


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A batch this process owns until `lease_until` (the database's clock)."""

    id: int
    mailing_id: int
    edition_id: int
    token: str
    generation: int
    attempts: int
    lease_until: datetime


class Recipient(NamedTuple):
    """One delivery that is owed, with what merge tags need. `referral_count` is 0 unless asked for, `milestones`
    (ids of those that were reached, with commas between) empty.

    A named tuple, as `Addressee` is: a thousand are made for each call, at a quarter of a frozen dataclass's cost.
    """

    delivery_id: int
    subscriber_id: int
    address: str
    name: str
    referral_code: str
    referral_count: int = 0
    milestones: str = ""


@dataclass(frozen=True, slots=True)
class StartedBatch:
    """A batch in `submitting`: its submission's opaque key and everybody still owed the message.

    `sendgrid_batch_id` and `send_at` are set where its mail is to wait at SendGrid until its hour.
    """

    batch: ClaimedBatch
    submission_id: int
    submission_key: str
    recipients: tuple[Recipient, ...]
    sendgrid_batch_id: str | None = None
    send_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries of a mailing (or one edition) are in each state."""

    audience: int
    by_state: dict[DeliveryState, int]
    skipped: dict[str, int]  # reason -> count

    @property
    def conserved(self) -> bool:
        """Whether the states add up to the audience (invariant 1)."""
        return sum(self.by_state.values()) == self.audience
