"""Standing: in one word whether somebody is mailed, and if not, why. The order is that of the ledger's own rules."""

from __future__ import annotations

from enum import StrEnum

from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import SuppressionReason


class Standing(StrEnum):
    """How an address stands. Only CONFIRMED is mailed letters."""

    CONFIRMED = "confirmed"
    PENDING = "pending"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    INVALID = "invalid"
    MANUAL = "manual"
    ERASED = "erased"
    UNKNOWN = "unknown"


WORDS: dict[Standing, str] = {
    Standing.CONFIRMED: "is mailed",
    Standing.PENDING: "signed up and has not confirmed: is mailed nothing but the confirmation",
    Standing.UNSUBSCRIBED: "left: is not mailed",
    Standing.BOUNCED: "is not mailed: the address bounced",
    Standing.COMPLAINED: "is not mailed: a message was reported as spam",
    Standing.INVALID: "is not mailed: the address is not valid",
    Standing.MANUAL: "is not mailed: an operator suppressed the address",
    Standing.ERASED: "was erased, merged or given up, and is known by a hash alone: is not mailed, and no import brings it back",
    Standing.UNKNOWN: "nobody here has this address",
}


def standing_of(status: SubscriberStatus | None, reason: SuppressionReason | None) -> Standing:
    """From a subscriber's status (None: not a subscriber) and the reason their address is suppressed for, if it is."""
    if status is SubscriberStatus.ERASED or (status is None and reason is SuppressionReason.ERASED):
        return Standing.ERASED
    if reason in (SuppressionReason.COMPLAINED, SuppressionReason.UNSUBSCRIBED):
        return Standing(reason.value)
    if status is SubscriberStatus.UNSUBSCRIBED:
        return Standing.UNSUBSCRIBED
    if reason is not None and reason is not SuppressionReason.ERASED:
        return Standing(reason.value)
    return Standing.UNKNOWN if status is None else Standing(status.value)
