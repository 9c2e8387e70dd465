"""Events: notifications from SendGrid in our words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """Past participles; what the outside calls them is worker/providers/sendgrid_events.py's business."""

    PROCESSED = "processed"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    UNKNOWN = "unknown"


class DropReason(StrEnum):
    """Why SendGrid dropped a message."""

    BOUNCED = "bounced"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    INVALID = "invalid"
    CONTENT = "content"
    HEADER = "header"
    QUOTA = "quota"
    OTHER = "other"


class BounceClass(StrEnum):
    """What a bounce is about: the first two the address, the next three its sender, then machines."""

    INVALID_ADDRESS = "invalid address"
    MAILBOX_UNAVAILABLE = "mailbox unavailable"
    REPUTATION = "reputation"
    CONTENT = "content"
    VOLUME = "volume"
    TECHNICAL = "technical"
    UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True)
class Event:
    """One notification. `dedupe_key` is the same for every copy of one event, whatever id the copy carries.

    `delivery_id` and `submission_key` come from our own custom_args; both are empty for foreign mail.
    `reason` is the provider's own text, cut at 500 characters; it may hold an address, so it is never logged. `status` is
    the enhanced status code (`5.1.1` for one); it may be empty.
    """

    type: EventType
    at: datetime
    address: str
    dedupe_key: str
    sg_event_id: str
    delivery_id: int | None
    submission_key: str | None
    drop_reason: DropReason | None = None
    reason: str = ""
    url: str = ""
    bounce_class: BounceClass | None = None
    status: str = ""
