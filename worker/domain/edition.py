"""Editions: an issue rendered for one plan, with its merge tags; frozen once a mailing is planned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from worker.domain.subscriber import Plan


class Place(StrEnum):
    """Where a merge value lands, which decides how it is escaped."""

    HTML = "h"  # HTML text and attributes
    TEXT = "t"  # plain text and subject: as it is, one line
    URL = "u"  # inside a link's address: percent-encoded


class MergeName(StrEnum):
    """The closed list of merge tags an author may write (the unsubscribe link is the layout's own)."""

    FIRST_NAME = "first_name"
    REFERRAL_COUNT = "referral_count"
    REFERRAL_LINK = "referral_link"
    MANAGE_LINK = "manage_link"
    UNSUBSCRIBE_LINK = "unsubscribe_link"
    APPLY_LINK = "apply_link"  # the reader's own link to apply to the launch of this mailing
    MUTE_LINK = "mute_link"  # the reader's own way to hear no more of the launch of this mailing
    CONFIRM_LINK = "confirm_link"  # confirms a sign-up; works from a confirmation alone
    REFERRALS_TO_GO = "referrals_to_go"  # friends that are missing to the reader's next milestone
    NEXT_REWARD = "next_reward"  # what that one brings
    REWARDS_LINK = "rewards_link"  # the reader's own page of friends and rewards


@dataclass(frozen=True, slots=True)
class MergeTag:
    """One placeholder in an edition. `tag` has a fixed width (`-bs00h-`), so none is a prefix of another.

    A link's tag stands only for the reader's own end of the address (a token, a code); the address before it is in
    the edition. So one value of 28 characters serves HTML, text and every link, and its place is always URL.
    """

    tag: str
    name: MergeName
    fallback: str
    place: Place


@dataclass(frozen=True, slots=True)
class Card:
    """A launch that an edition shows, and from when on it may be shown no more."""

    launch_id: str
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Edition:
    """A rendered mail for one plan. `id` is None until the ledger has frozen it.

    `source_hash` is that of what the author wrote for this plan (worker/render/written.py); a live count or an expired
    card changes the edition and not the source.
    """

    plan: Plan
    subject: str
    preheader: str
    html: str
    text: str
    merge_tags: tuple[MergeTag, ...]
    revision: int = 1
    id: int | None = None
    source_hash: str = ""
    cards: tuple[Card, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 over everything a reader could see; 64 hex digits."""
        tags = [[t.tag, t.name, t.fallback, t.place] for t in self.merge_tags]
        whole = json.dumps([self.plan, self.subject, self.preheader, self.html, self.text, tags])
        return hashlib.sha256(whole.encode()).hexdigest()
