"""Referrals: who brought whom, and whether it counts. A person counts once, for whoever's valid code came first.

Two looks decide. The first is taken when the friend signs up: whether this can count at all, and whether a person should
look before it does. The second when the friend has confirmed, and has stayed as long as the publication wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import SuppressionReason


class ReferralState(StrEnum):
    """Where a referral stands; only `verified` ones are counted for anything."""

    PENDING = "pending"  # not confirmed yet, or not subscribed for long enough
    VERIFIED = "verified"
    REVIEW = "review"  # would count, and waits for a person to look
    REJECTED = "rejected"  # the friend is subscribed all the same


class ReferralReason(StrEnum):
    """Why a referral waits for review, or does not count."""

    SELF = "self"  # their own link, by whatever spelling or former address
    ALIAS = "alias"  # an address with a +tag, or one whose person is here already under another spelling
    KNOWN = "known"  # they were here before, under this or another address
    DISPOSABLE = "disposable"  # an address of a provider of throw-away mail
    BURST = "burst"  # many sign-ups by links from one network within an hour
    SAME_NETWORK = "same network"  # the referrer was seen in that network on that day
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"  # for another reason
    ERASED = "erased"
    MERGED = "merged"  # two records of one person: the other one's referral counts
    OPERATOR = "operator"  # looked at, and rejected


#: Those that ask for a look and decide nothing.
SUSPICIONS = frozenset({ReferralReason.BURST, ReferralReason.SAME_NETWORK})


@dataclass(frozen=True, slots=True)
class Referral:
    """One row of `referrals`. `reason` is why it is rejected or in review; of a pending one, why it will have to be.

    `confirmed_at` is None until the friend confirmed, `decided_at` while it is pending.
    """

    id: int
    referrer_id: int
    referred_id: int
    state: ReferralState
    reason: str
    recorded_at: datetime
    confirmed_at: datetime | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignupFacts:
    """What is known when somebody signs up by a reader's code."""

    is_referrer: bool = False  # the same person as the referrer, as far as anything tells
    here_twice: bool = False  # another living record is the same person's
    was_here: bool = False  # a record that ended was the same person's
    tagged: bool = False  # the address has a +tag
    disposable: bool = False
    same_network: bool = False
    from_network: int = 0  # sign-ups by any code from the same network within the hour, this one included


def at_signup(facts: SignupFacts, per_network: int) -> tuple[ReferralState, str]:
    """Whether it can count: pending, perhaps with what a person should look at, or rejected with the reason."""
    rejections = (
        (facts.is_referrer, ReferralReason.SELF),
        (facts.here_twice or facts.tagged, ReferralReason.ALIAS),
        (facts.was_here, ReferralReason.KNOWN),
        (facts.disposable, ReferralReason.DISPOSABLE),
    )
    for holds, reason in rejections:
        if holds:
            return ReferralState.REJECTED, reason
    if facts.same_network:
        return ReferralState.PENDING, ReferralReason.SAME_NETWORK
    if facts.from_network > per_network:
        return ReferralState.PENDING, ReferralReason.BURST
    return ReferralState.PENDING, ""


_WHY_NOT = {
    SuppressionReason.UNSUBSCRIBED: ReferralReason.LEFT,
    SuppressionReason.BOUNCED: ReferralReason.BOUNCED,
    SuppressionReason.INVALID: ReferralReason.BOUNCED,
    SuppressionReason.COMPLAINED: ReferralReason.COMPLAINED,
    SuppressionReason.ERASED: ReferralReason.ERASED,
}


def when_due(
    status: SubscriberStatus, suppressed: SuppressionReason | None, suspicion: str, *, stayed: bool = False
) -> tuple[ReferralState, str]:
    """What becomes of a referral whose friend confirmed long enough ago, by how the friend stands now.

    `suppressed` is None too for somebody who left and is on the way back: they said yes again. `stayed`: whatever they
    are now, they became it only after they had stayed for long enough, while no clock ran.
    """
    if status is SubscriberStatus.ERASED:
        return ReferralState.REJECTED, ReferralReason.ERASED
    if suppressed is not None and not stayed:
        return ReferralState.REJECTED, _WHY_NOT.get(suppressed, ReferralReason.SUPPRESSED)
    if status is not SubscriberStatus.CONFIRMED and not stayed:
        return ReferralState.REJECTED, ReferralReason.LEFT
    return (ReferralState.REVIEW, suspicion) if suspicion else (ReferralState.VERIFIED, "")
