"""The ledger: mailings, what they say, and who is owed them. worker/store/ledger/ alone writes mailings' states,
batches, submissions, deliveries and exclusions."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from worker.store.instants import Instant
from worker.store.tables.base import Id, metadata, only

mailings = Table(
    "mailings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("source", Text, nullable=False),
    Column("segment", Text, nullable=False, server_default="everyone"),
    Column("send_at", Instant, nullable=False),
    Column("wall_time", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("batch_size", Integer, nullable=False),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("sendgrid_batch_id", Text),
    Column("launch_id", Text),
    Column("candidates", Integer, nullable=False, server_default="0"),
    Column("audience", Integer, nullable=False, server_default="0"),
    Column("needs_attention", Text),
    Column("created_at", Instant, nullable=False),
    Column("planned_at", Instant),
    Column("finished_at", Instant),
    Column("stage_at", Instant),  # set: staged, and handed over from then on; NULL: handed over at `send_at`
    Column("recall_to", Text),  # while `recalling`: what it becomes then (staged, paused, cancelled)
    Column("late", Text, nullable=False, server_default="ask"),  # its hour is missed: send, ask, expire
    Column("expires_at", Instant),  # nothing of it goes from then on, unless `late` is send
    Column("local_hour", Integer, nullable=False, server_default="0"),  # 1: at `wall_time` in each reader's own zone
    Column("corrects_id", Id),  # only those who have that mailing get this one
    Column("planning_attempts", Integer, nullable=False, server_default="0"),
    Column("run_id", Id),  # the run of a sequence whose step this is
    Column("step_id", Text),
    Column("rules", Text),  # JSON: the step's only_if and stop_if, read again before each call
    Index("ix_mailings_broadcasts", "send_at", **only("kind = 'broadcast'")),  # follow-ups keep away from these
    Index("ix_mailings_launch_id", "launch_id", **only("launch_id IS NOT NULL")),  # what a launch's report counts
    Index("ix_mailings_needs_attention", "id", **only("needs_attention IS NOT NULL")),  # each tick looks at these few
)

# One row for each try to stage a mailing: a batch id at SendGrid under which its mail waits for the hour.
generations = Table(
    "generations",
    metadata,
    Column("mailing_id", Id, ForeignKey("mailings.id"), primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("sendgrid_batch_id", Text, nullable=False, unique=True),
    Column("send_at", Instant, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("state", Text, nullable=False),  # open, cancelling, cancelled, freed
    Column("cancel_asked_at", Instant),
    Column("cancelled_at", Instant),  # read back from SendGrid
    sqlite_with_rowid=False,
)

# Who a one-off mailing is for. `address`: only for tests and alerts, which go to people who need not be subscribers.
addressees = Table(
    "addressees",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mailing_id", Id, ForeignKey("mailings.id"), nullable=False, index=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), index=True),
    Column("address", Text),
    Column("plan", Text, nullable=False),
)

editions = Table(
    "editions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mailing_id", Id, ForeignKey("mailings.id"), nullable=False),
    Column("plan", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("preheader", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("merge_tags", Text, nullable=False),  # JSON
    Column("hash", Text, nullable=False),
    Column("source_hash", Text, nullable=False, server_default=""),  # of what the author wrote
    UniqueConstraint("mailing_id", "plan", "revision"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mailing_id", Id, ForeignKey("mailings.id"), nullable=False),
    Column("edition_id", Id, ForeignKey("editions.id"), nullable=False),
    Column("number", Integer),  # 0, 1, ... within its edition as planned; NULL for a child of a split
    Column("parent_id", Id, ForeignKey("batches.id")),
    Column("status", Text, nullable=False),
    Column("claim_token", Text),
    Column("lease_until", Instant),
    Column("not_before", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("problem", Text),  # the last thing that went wrong, without addresses
    Column("swept", Integer, nullable=False, server_default="0"),  # how often a claim of it ran out
    Column("set_aside", Text),  # set: pending, but not claimed until an operator says so; why
    Column("made_after", Id),  # of a child: the parent's newest submission when it was made, which carried its rows
    UniqueConstraint("edition_id", "number"),
    Index("ix_batches_mailing_id_status", "mailing_id", "status", "id"),
    postgresql_with={"fillfactor": "50"},  # each move rewrites one row: room on its page keeps the update in place
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    # No foreign keys: planning takes these ids from those very tables, and each check would cost more than the row.
    Column("mailing_id", Id, nullable=False),
    Column("subscriber_id", Id),  # NULL only for tests and alerts
    Column("address_key", Text, nullable=False),
    Column("address", Text),  # only for tests and alerts; everybody else's is read from subscribers
    Column("edition_id", Id, nullable=False),
    Column("batch_id", Id, nullable=False, index=True),
    Column("skipped_reason", Text),
    Column("refused_reason", Text),
    Column("outcome", Text),
    Column("outcome_at", Instant),
    UniqueConstraint("mailing_id", "subscriber_id"),
    UniqueConstraint("mailing_id", "address_key"),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # opaque; travels in custom_args
    Column("batch_id", Id, ForeignKey("batches.id"), nullable=False, index=True),
    Column("edition_id", Id),  # the text it carried: its batch may name a newer one since
    Column("generation", Integer, nullable=False),
    Column("token", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("answer", Text),  # accepted, validated, refused, rate_limited, unavailable, unknown, not_sent
    Column("status_code", Integer),
    Column("message_id", Text),
    Column("sendgrid_batch_id", Text),
    Column("detail", Text),  # the reason, without addresses
    Column("decision", Text),  # an operator's, where the answer left it open: submitted, again, refused
    Column("decided_at", Instant),
    Column("contradicted_at", Instant),  # when an answer or an event said otherwise
    sqlite_autoincrement=True,
)

exclusions = Table(
    "exclusions",
    metadata,
    Column("mailing_id", Id, ForeignKey("mailings.id"), primary_key=True),
    Column("subscriber_id", Id, ForeignKey("subscribers.id"), primary_key=True),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
