"""Follow-ups: what happened to a reader, the runs of sequences, who is in them, and each step that is due or was decided."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from worker.store.instants import Instant
from worker.store.tables.base import Id, metadata, only

# What happened and no tick has looked at yet: written in the transaction that made it so, gone with the one that enrolls.
triggers = Table(
    "triggers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event", Text, nullable=False),  # confirmed, verified, almost, milestone, paid
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), nullable=False, index=True),
    Column("occurrence", Text, nullable=False, server_default=""),  # which of several: a referral's id, a milestone's
    Column("happened_at", Instant, nullable=False),
)

# One time a sequence is gone through: by everybody whom a launch or an issue concerns, or, for ever, by whom an event meets.
sequence_runs = Table(
    "sequence_runs",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # launch:<id>:<sequence>, issue:<id>:<sequence>, event:<sequence>
    Column("sequence", Text, nullable=False),
    Column("launch_id", Text),
    Column(
        "anchors", Text, nullable=False, server_default="{}"
    ),  # JSON: what its steps count from, wall times and zone
    Column("timings", Text, nullable=False),  # JSON: the steps in their order and when each goes, as last agreed to
    Column("started_at", Instant, nullable=False),
    Column("enrolled_through", Id, nullable=False, server_default="0"),  # the audience, by id, as far as it is enrolled
    Column("joined_through", Instant),  # and who confirmed later, by that moment
    Column("ended_at", Instant),
    Column("needs_attention", Text),
    Index("ix_sequence_runs_open", "id", **only("ended_at IS NULL")),  # each tick looks at these few
)

enrollments = Table(
    "enrollments",
    metadata,
    Column("id", Id, primary_key=True),
    # No foreign keys here and below: a launch enrolls a whole list at once, taking these ids from those very tables.
    Column("run_id", Id, nullable=False),
    Column("subscriber_id", Id, nullable=False, index=True),
    Column("occurrence", Text, nullable=False, server_default=""),
    Column("triggered_at", Instant, nullable=False),
    Column("enrolled_at", Instant, nullable=False),
    Column("status", Text, nullable=False),  # active, finished, stopped
    Column("reason", Text, nullable=False, server_default=""),  # why it stopped
    Column("ended_at", Instant),
    UniqueConstraint("run_id", "subscriber_id", "occurrence"),
)

# The next step of each enrollment, and what became of those before it.
due_steps = Table(
    "due_steps",
    metadata,
    Column("enrollment_id", Id, primary_key=True),
    Column("step_id", Text, primary_key=True),
    Column("run_id", Id, nullable=False),
    Column("subscriber_id", Id, nullable=False),
    Column("first_due_at", Instant, nullable=False),  # before any quiet hour put it off
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),  # its moment has passed from then on
    Column("state", Text, nullable=False),  # due, planned, skipped
    Column("reason", Text, nullable=False, server_default=""),  # why it was skipped or, while due, put off
    Column("mailing_id", Id),
    Column("decided_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),  # how often it was put off
    Index("ix_due_steps_due", "due_at", "enrollment_id", **only("state = 'due'")),
    Index("ix_due_steps_subscriber_id_decided_at", "subscriber_id", "decided_at", **only("state = 'planned'")),
    Index("ix_due_steps_mailing_id", "mailing_id", **only("mailing_id IS NOT NULL")),
    sqlite_with_rowid=False,
)
