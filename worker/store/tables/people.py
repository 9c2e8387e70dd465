"""People: subscribers, what is known of them, and addresses that must not be mailed."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from worker.store.instants import Instant
from worker.store.tables.base import Id, metadata, only

#: What stands for an erased address, in the place of its key (worker/domain/erasure.py).
ERASED_KEYS = "substr(address_key, 1, 7) = 'erased:'"
UNPUSHED = "pushed_at IS NULL AND reason IN ('complained', 'manual', 'unsubscribed')"

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", Text, nullable=False),  # empty once erased
    Column("address_key", Text, unique=True),  # NULL once erased
    Column("referral_key", Text, index=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("plan", Text, nullable=False, server_default="free"),
    Column("plan_source", Text, nullable=False, server_default=""),  # stripe, comped, gifted, trial, reward
    Column("plan_ends_at", Instant),  # NULL: without an end
    Column("stripe_id", Text, nullable=False, server_default=""),  # the customer's, as an import gave it
    Column("status", Text, nullable=False),
    Column("language", Text, nullable=False, server_default=""),
    Column("zone", Text, nullable=False, server_default=""),
    Column("country", Text, nullable=False, server_default=""),
    Column("referral_code", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False, server_default=""),  # where the consent came from: import:<file>, form, ...
    Column("consent", Text, nullable=False, server_default=""),  # what proves it, in words; personal data
    Column(
        "referrer", Text, nullable=False, server_default=""
    ),  # who or what brought them, as another platform wrote it
    Column("wants", Text, nullable=False, server_default="everything"),  # or launches
    Column("paused_until", Instant),  # their own wish: nothing but what they asked for until then
    Column("joined_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("unsubscribed_at", Instant),
    Column("erased_at", Instant),
    Column("merged_into", Id),  # another record of the same person: links in old mail act on that one
    Index("ix_subscribers_merged_into", "merged_into", **only("merged_into IS NOT NULL")),
    Index(
        "ix_subscribers_confirmed_at", "confirmed_at", **only("confirmed_at IS NOT NULL")
    ),  # a launch looks at the newest
    Index(
        "ix_subscribers_plan_ends_at", "plan_ends_at", **only("plan_ends_at IS NOT NULL")
    ),  # each tick looks at these
)

subscriber_tags = Table(
    "subscriber_tags",
    metadata,
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True),
    Column("tag", Text, primary_key=True),
    Index("ix_subscriber_tags_tag", "tag", "subscriber_id"),
    sqlite_with_rowid=False,
)

# Paid time that was given or bought, each once: what a subscriber's plan, its source and its end are derived from.
grants = Table(
    "grants",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column(
        "key", Text, nullable=False, unique=True
    ),  # repeating one has no effect: import:<...>, reward:<...>, manual:<...>
    Column("source", Text, nullable=False),  # stripe, comped, gifted, trial, reward
    Column("months", Integer),  # stacks behind what is there; NULL: from `starts_at` to `ends_at`
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),  # NULL: without an end
    Column("granted_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("note", Text, nullable=False, server_default=""),
)

# How often strangers have asked for something: by address, by network and in all. `name` holds keyed hashes only.
signup_counts = Table(
    "signup_counts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("since", Instant, primary_key=True),  # the window's beginning
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Sign-ups that a form took and no job has looked at yet. Gone with the transaction that acts on them.
signups = Table(
    "signups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("referral_code", Text, nullable=False, server_default=""),
    Column("later_code", Text, nullable=False, server_default=""),  # counts only where the first one is nobody's
    Column("network", Text, nullable=False, server_default=""),  # a keyed hash of network and day
    Column("page", Text, nullable=False, server_default=""),  # where the form stood
    Column("asked_at", Instant, nullable=False),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address_key", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("suppressed_at", Instant, nullable=False),
    Column("evidence", Text, nullable=False, server_default=""),  # event:<id>, link, import:<file>, operator, sendgrid
    Column("pushed_at", Instant),  # when SendGrid's own list was known to have it; NULL: not yet
    Index("ix_suppressions_unpushed", "suppressed_at", **only(UNPUSHED)),
    Index("ix_suppressions_erased", "address_key", **only(ERASED_KEYS)),  # whether there is one at all
    sqlite_with_rowid=False,
)

# Who left and has come back: their suppression stays until SendGrid's own list has let them go, and this row with it.
returns = Table(
    "returns",
    metadata,
    Column("address_key", Text, primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("evidence", Text, nullable=False),
    sqlite_with_rowid=False,
)
