"""A subscriber: one person who opted in, with one address, one plan and one status."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

NAME_LIMIT = 100  # characters; a longer name is cut visibly, with an ellipsis as the last one


class Plan(StrEnum):
    """What a subscriber pays for. Comped, gifted and trial readers are `paid` with a source and an end."""

    FREE = "free"
    PAID = "paid"


class SubscriberStatus(StrEnum):
    """Where a subscriber's consent stands."""

    PENDING = "pending"  # signed up, not yet confirmed: receives nothing but the confirmation
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"
    ERASED = "erased"  # personal data removed; the suppression stays


class Wants(StrEnum):
    """What a reader has asked for."""

    EVERYTHING = "everything"
    LAUNCHES = "launches"  # announcements alone, not the letter


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One row of `subscribers`. `zone` is an IANA name, `language` a BCP 47 tag; both may be empty.

    `source` says where the consent came from (`import:<file>`, `form`), `consent` what proves it, in words; `referrer` who
    or what brought them, as another platform wrote it. `plan_ends_at` None: without an end. `merged_into`: the id of the
    record that goes on for them.
    """

    id: int
    address: str
    address_key: str
    name: str
    plan: Plan
    status: SubscriberStatus
    referral_code: str
    language: str = ""
    zone: str = ""
    country: str = ""
    joined_at: datetime | None = None
    tags: frozenset[str] = field(default_factory=frozenset)
    plan_source: str = ""
    plan_ends_at: datetime | None = None
    stripe_id: str = ""
    source: str = ""
    consent: str = ""
    referrer: str = ""
    wants: Wants = Wants.EVERYTHING
    paused_until: datetime | None = None
    confirmed_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    erased_at: datetime | None = None
    merged_into: int | None = None


def cut_name(name: str) -> str:
    """The name as it is kept: one line, no control characters, at most 100 characters, cut with an ellipsis."""
    printable = name
    if not name.isprintable():  # most names are, and imports are long
        printable = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in name)
    one_line = " ".join(printable.split())
    return one_line if len(one_line) <= NAME_LIMIT else one_line[: NAME_LIMIT - 1].rstrip() + "…"


def first_name(name: str) -> str:
    """The first word of a name; empty for an empty name."""
    return name.split(maxsplit=1)[0] if name.strip() else ""
