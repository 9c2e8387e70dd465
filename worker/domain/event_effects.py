"""What follows from an event: one table of every kind, bounce class and drop reason, and nothing besides it.

Only what says something about the address or comes from its reader suppresses: true bounces, complaints, opt-outs. What
is about our reputation, the text or the hour never does. Opens and clicks are statistics, for scanners open and click.
docs/delivery.md shows this table; a test holds both together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from worker.domain.delivery import Outcome
from worker.domain.event import BounceClass, DropReason, Event, EventType
from worker.domain.suppression import SuppressionReason


class Consequence(StrEnum):
    """What an event means for its mailing."""

    NONE = ""
    COUNTED = "counted"  # many of them in a short time need attention: they speak of the sender's reputation
    ATTENTION = "attention"  # the mailing goes on, and a person should look at it
    PAUSED = "paused"  # going on would lose mail


@dataclass(frozen=True, slots=True)
class Effect:
    """What one event does: the delivery's outcome, the address's suppression, the mailing's consequence."""

    outcome: Outcome | None = None
    suppression: SuppressionReason | None = None
    mailing: Consequence = Consequence.NONE


Detail = BounceClass | DropReason | None

_TRUE_BOUNCE = Effect(Outcome.BOUNCED, SuppressionReason.BOUNCED)
_ABOUT_US = Effect(Outcome.BLOCKED, mailing=Consequence.COUNTED)

#: (kind, its detail) -> effect. A detail without a row of its own has that of the kind alone.
EFFECTS: Mapping[tuple[EventType, Detail], Effect] = {
    (EventType.PROCESSED, None): Effect(),
    (EventType.DEFERRED, None): Effect(Outcome.DEFERRED),
    (EventType.DELIVERED, None): Effect(Outcome.DELIVERED),
    (EventType.BOUNCED, None): _TRUE_BOUNCE,
    (EventType.BOUNCED, BounceClass.INVALID_ADDRESS): _TRUE_BOUNCE,
    (EventType.BOUNCED, BounceClass.MAILBOX_UNAVAILABLE): _TRUE_BOUNCE,
    (EventType.BOUNCED, BounceClass.UNCLASSIFIED): _TRUE_BOUNCE,
    (EventType.BOUNCED, BounceClass.REPUTATION): _ABOUT_US,
    (EventType.BOUNCED, BounceClass.CONTENT): _ABOUT_US,
    (EventType.BOUNCED, BounceClass.VOLUME): _ABOUT_US,
    (EventType.BOUNCED, BounceClass.TECHNICAL): Effect(Outcome.BLOCKED),
    (EventType.BLOCKED, None): _ABOUT_US,
    (EventType.BLOCKED, BounceClass.TECHNICAL): Effect(Outcome.BLOCKED),
    (EventType.DROPPED, DropReason.BOUNCED): Effect(Outcome.DROPPED, SuppressionReason.BOUNCED),
    (EventType.DROPPED, DropReason.UNSUBSCRIBED): Effect(Outcome.DROPPED, SuppressionReason.UNSUBSCRIBED),
    (EventType.DROPPED, DropReason.COMPLAINED): Effect(Outcome.DROPPED, SuppressionReason.COMPLAINED),
    (EventType.DROPPED, DropReason.INVALID): Effect(Outcome.DROPPED, SuppressionReason.INVALID),
    (EventType.DROPPED, DropReason.CONTENT): Effect(Outcome.DROPPED, mailing=Consequence.ATTENTION),
    (EventType.DROPPED, DropReason.HEADER): Effect(Outcome.DROPPED, mailing=Consequence.ATTENTION),
    (EventType.DROPPED, DropReason.QUOTA): Effect(Outcome.DROPPED, mailing=Consequence.PAUSED),
    (EventType.DROPPED, None): Effect(Outcome.DROPPED),
    (EventType.OPENED, None): Effect(),
    (EventType.CLICKED, None): Effect(),
    (EventType.COMPLAINED, None): Effect(Outcome.COMPLAINED, SuppressionReason.COMPLAINED),
    (EventType.UNSUBSCRIBED, None): Effect(suppression=SuppressionReason.UNSUBSCRIBED),
    (EventType.RESUBSCRIBED, None): Effect(),
    (EventType.UNKNOWN, None): Effect(),
}

#: Why a mailing needs attention, or is paused. Always the same words, so that one alert is raised and not one a call.
ATTENTION: Mapping[DropReason, str] = {
    DropReason.QUOTA: "SendGrid dropped mail: the account's quota is used up. Raise the plan or wait, then resume.",
    DropReason.CONTENT: "SendGrid dropped mail because it takes the content for spam. Look at the text and its links.",
    DropReason.HEADER: "SendGrid dropped mail because of its X-SMTPAPI header. Look for what adds one.",
}


def effect_of(event: Event) -> Effect:
    """What follows from this event."""
    detail: Detail = event.drop_reason if event.type is EventType.DROPPED else event.bounce_class
    found = EFFECTS.get((event.type, detail))
    return found if found is not None else EFFECTS[event.type, None]
