"""What a bounce is about, in SendGrid's words and in ours. Pure.

SendGrid classes bounces in seven (tsg_suppressions_v3, "bounces/classifications") and gives the enhanced status code
(RFC 3463); its lists of bounces have the code alone.
"""

from __future__ import annotations

from worker.domain.event import BounceClass

CLASSES: dict[str, BounceClass] = {
    "invalid address": BounceClass.INVALID_ADDRESS,
    "mailbox unavailable": BounceClass.MAILBOX_UNAVAILABLE,
    "reputation": BounceClass.REPUTATION,
    "content": BounceClass.CONTENT,
    "frequency or volume too high": BounceClass.VOLUME,
    "technical failure": BounceClass.TECHNICAL,
    "technical": BounceClass.TECHNICAL,  # some pages have it short
    "unclassified": BounceClass.UNCLASSIFIED,
}


def bounce_class(classification: str, status: str) -> BounceClass:
    """The class SendGrid names; where it names none that says something, what the status code says.

    4.x.x is a failure that may pass; x.7.x is security and policy, so it is about the sender (RFC 3463, section 3.8).
    """
    named = CLASSES.get(" ".join(classification.lower().split()), BounceClass.UNCLASSIFIED)
    if named is not BounceClass.UNCLASSIFIED:
        return named
    parts = status.strip().split(".")
    if len(parts) == 3 and parts[1] == "7":
        return BounceClass.REPUTATION
    return BounceClass.TECHNICAL if len(parts) == 3 and parts[0] == "4" else BounceClass.UNCLASSIFIED
