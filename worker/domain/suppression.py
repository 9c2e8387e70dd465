"""Suppressions: addresses we must not mail, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SuppressionReason(StrEnum):
    """Why an address is suppressed. A temporary block at the reader's provider never is a reason."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    INVALID = "invalid"
    MANUAL = "manual"
    ERASED = "erased"  # the reader asked to be forgotten; the row holds a hash and no address


#: A stronger reason replaces a weaker one; between two of one kind the earlier stays. A complaint is the loudest.
REASON_STRENGTH: tuple[SuppressionReason, ...] = (
    SuppressionReason.ERASED,
    SuppressionReason.INVALID,
    SuppressionReason.BOUNCED,
    SuppressionReason.MANUAL,
    SuppressionReason.UNSUBSCRIBED,
    SuppressionReason.COMPLAINED,
)

#: With these the reader said no, so the subscriber's status follows.
OPT_OUTS = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED})


#: These end by the reader's own word: they left, or asked to be forgotten.
OWN_WORD = frozenset({SuppressionReason.UNSUBSCRIBED, SuppressionReason.ERASED})


@dataclass(frozen=True, slots=True)
class Suppression:
    """One address we must not mail. `evidence` says how we know: `event:<key>`, `link`, `import:<file>`, `operator`,
    `erased`."""

    address_key: str
    reason: SuppressionReason
    at: datetime
    evidence: str
