"""The installation itself, and what is known of SendGrid: events, limits, how far its lists were read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from worker.store.instants import Instant
from worker.store.tables.base import Id, metadata, only

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("identity", Text),  # random; a copy shares it
    Column("fenced_reason", Text),  # set: nothing is claimed anywhere (a restored database, for one)
    Column("ticked_at", Instant),
    Column("clock_holder", Text),  # the clock process that ticks; others stand by
    Column("clock_lease_until", Instant),  # on the database's clock
    Column("erased_under", Text),  # tells the secret that erased addresses are hashed under from another one
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("dedupe_key", Text, nullable=False, unique=True),
    Column("sg_event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("happened_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("address_key", Text),
    Column("delivery_id", Id, index=True),
    Column("submission_key", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Column("url", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default=""),  # the enhanced status code, 5.1.1 for one
    Column("classification", Text, nullable=False, server_default=""),  # a bounce's class (domain/event.py)
    Index("ix_events_came_back", "happened_at", **only("type IN ('blocked', 'bounced')")),  # read at each of them
)

# How fast the account may be used, shared by every worker and kept across restarts (store/pace.py).
rate_buckets = Table(
    "rate_buckets",
    metadata,
    Column("name", Text, primary_key=True),  # a limit or its reserve; account, bulk, prompt (only blocked_until counts)
    Column("tokens", BigInteger, nullable=False),  # thousandths of a message; below zero: borrowed
    Column("refilled_at", Instant, nullable=False),
    Column("blocked_until", Instant),  # a rate limit's reset
    sqlite_with_rowid=False,
)

# How far lists kept elsewhere have been read (SendGrid's suppression lists).
sync_cursors = Table(
    "sync_cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", Text, nullable=False, server_default=""),
    Column("synced_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
