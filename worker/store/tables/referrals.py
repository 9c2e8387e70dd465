"""Referrals: who brought whom and whether it counts, what it earned, and by which hashes a person is known again."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from worker.store.instants import Instant
from worker.store.tables.base import Id, metadata, only

#: A referral that may count, counts or waits; of those there is one for a person, for ever.
ALIVE = "state <> 'rejected'"

referrals = Table(
    "referrals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("referrer_id", Id, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column("referred_id", Id, ForeignKey("subscribers.id"), nullable=False, unique=True),
    Column(
        "referred_key", Text, nullable=False
    ),  # a keyed hash of the friend's referral key; stays when they are erased
    Column("state", Text, nullable=False, server_default="pending"),  # pending, verified, review, rejected
    Column("reason", Text, nullable=False, server_default=""),
    Column("network", Text),  # a keyed hash of the network and the day; NULL where it is not known, or over
    Column("recorded_at", Instant, nullable=False),
    Column("confirmed_at", Instant, index=True),
    Column("decided_at", Instant),
    CheckConstraint("referrer_id <> referred_id", name="ck_referrals_not_oneself"),
    CheckConstraint("state IN ('pending', 'verified', 'review', 'rejected')", name="ck_referrals_state"),
    Index("uq_referrals_referred_key", "referred_key", unique=True, **only(ALIVE)),
    Index("ix_referrals_due", "confirmed_at", "id", **only("state = 'pending' AND confirmed_at IS NOT NULL")),
    Index("ix_referrals_verified", "referrer_id", **only("state = 'verified'")),
    Index("ix_referrals_review", "id", **only("state = 'review'")),
    Index("ix_referrals_network", "network", "recorded_at", **only("network IS NOT NULL")),
    Index("ix_referrals_networks_kept", "recorded_at", **only("network IS NOT NULL")),
)

# Hashes of referral keys under which a record was known before it got another address, was merged or erased.
known_keys = Table(
    "known_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# Milestones that were reached, each once; what was promised then is kept with them.
referral_rewards = Table(
    "referral_rewards",
    metadata,
    Column("id", Id, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("friends", Integer, nullable=False),
    Column("reward", Text, nullable=False),  # JSON: months, file, link or text
    Column("state", Text, nullable=False),  # granted, waiting, void
    Column("reached_at", Instant, nullable=False),
    Column("granted_at", Instant),
    CheckConstraint("state IN ('granted', 'waiting', 'void')", name="ck_referral_rewards_state"),
    UniqueConstraint("subscriber_id", "milestone_id"),
    Index("ix_referral_rewards_waiting", "id", **only("state = 'waiting'")),
)

# Referrers whose count changed otherwise than by a friend who was verified: a tick looks whether that reaches something.
referral_rechecks = Table(
    "referral_rechecks",
    metadata,
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

# One row: the milestones everybody was last looked at by, and, until that is finished, up to which referrer.
referral_programme = Table(
    "referral_programme",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", Text, nullable=False),
    Column("looked_through", Id),  # NULL: at everybody
)

# Readers who let their first name stand on their link's page.
named_referrers = Table(
    "named_referrers",
    metadata,
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True, autoincrement=False),
    Column("agreed_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# In which networks a reader was seen today: keyed hashes of network and day, gone after two days.
reader_networks = Table(
    "reader_networks",
    metadata,
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True),
    Column("network", Text, primary_key=True),
    Column("seen_at", Instant, nullable=False, index=True),
    sqlite_with_rowid=False,
)
