"""Launches: who converted, who muted one, and what of `content/launches/` the database must know to tell by itself."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from worker.store.instants import Instant
from worker.store.tables.base import Id, metadata

launch_conversions = Table(
    "launch_conversions",
    metadata,
    Column("launch_id", Text, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True, index=True),
    Column("how", Text, nullable=False),  # applied, bought, csv
    Column("converted_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

launch_mutes = Table(
    "launch_mutes",
    metadata,
    Column("launch_id", Text, primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True, index=True),
    Column("muted_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# What the database must know of each launch's file, as the clock last read it, to tell by itself just before each call:
# whoever has the tag `converted_by` has converted, for as long as they have it (no reader's tag is copied), and from
# `closes_at` on no card of it goes.
launch_notes = Table(
    "launch_notes",
    metadata,
    Column("launch_id", Text, primary_key=True),
    Column("converted_by", Text, nullable=False, server_default=""),  # empty: no tag converts
    Column("closes_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Signed calls that were taken, for as long as their time stamp would be believed: none is taken twice. No address.
launch_calls = Table(
    "launch_calls",
    metadata,
    Column("signature", Text, primary_key=True),
    Column("received_at", Instant, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Which launches' cards an edition shows, and until when each may be shown. From then on no batch with it goes.
launch_cards = Table(
    "launch_cards",
    metadata,
    Column("edition_id", Id, ForeignKey("editions.id"), primary_key=True),
    Column("launch_id", Text, primary_key=True, index=True),
    Column("closes_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
