"""Staging, pace, lateness, corrections, batches set aside, and lists kept at SendGrid."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


# Planning takes these ids from the tables themselves; checking each again took three quarters of its time.
_REFERENCES = {
    "mailing_id": "mailings",
    "subscriber_id": "subscribers",
    "edition_id": "editions",
    "batch_id": "batches",
}

_UNPUSHED = "pushed_at IS NULL AND reason IN ('complained', 'manual', 'unsubscribed')"
_CAME_BACK = "type IN ('blocked', 'bounced')"


def upgrade() -> None:
    _mailings()
    _deliveries()
    op.add_column("editions", sa.Column("source_hash", sa.Text(), server_default="", nullable=False))
    op.add_column("batches", sa.Column("swept", sa.Integer(), server_default="0", nullable=False))
    op.add_column("batches", sa.Column("set_aside", sa.Text(), nullable=True))
    op.add_column("batches", sa.Column("made_after", Id, nullable=True))
    op.add_column("submissions", sa.Column("edition_id", Id, nullable=True))
    op.add_column("submissions", sa.Column("decision", sa.Text(), nullable=True))
    op.add_column("submissions", sa.Column("decided_at", sa.BigInteger(), nullable=True))
    op.add_column("submissions", sa.Column("contradicted_at", sa.BigInteger(), nullable=True))
    op.add_column("events", sa.Column("status", sa.Text(), server_default="", nullable=False))
    op.add_column("events", sa.Column("classification", sa.Text(), server_default="", nullable=False))
    op.add_column("suppressions", sa.Column("pushed_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_suppressions_unpushed",
        "suppressions",
        ["suppressed_at"],
        sqlite_where=sa.text(_UNPUSHED),
        postgresql_where=sa.text(_UNPUSHED),
    )
    op.create_index(
        "ix_events_came_back",
        "events",
        ["happened_at"],
        sqlite_where=sa.text(_CAME_BACK),
        postgresql_where=sa.text(_CAME_BACK),
    )
    op.create_table(
        "rate_buckets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("refilled_at", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_buckets")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sync_cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), server_default="", nullable=False),
        sa.Column("synced_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sync_cursors")),
        sqlite_with_rowid=False,
    )


def _mailings() -> None:
    op.add_column("mailings", sa.Column("stage_at", sa.BigInteger(), nullable=True))
    op.add_column("mailings", sa.Column("recall_to", sa.Text(), nullable=True))
    op.add_column("mailings", sa.Column("late", sa.Text(), server_default="ask", nullable=False))
    op.add_column("mailings", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("mailings", sa.Column("local_hour", sa.Integer(), server_default="0", nullable=False))
    op.add_column("mailings", sa.Column("corrects_id", Id, nullable=True))
    op.add_column("mailings", sa.Column("planning_attempts", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_mailings_needs_attention",
        "mailings",
        ["id"],
        sqlite_where=sa.text("needs_attention IS NOT NULL"),
        postgresql_where=sa.text("needs_attention IS NOT NULL"),
    )
    op.create_table(
        "generations",
        sa.Column("mailing_id", Id, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sendgrid_batch_id", sa.Text(), nullable=False),
        sa.Column("send_at", sa.BigInteger(), nullable=False),
        sa.Column("reserved_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cancel_asked_at", sa.BigInteger(), nullable=True),
        sa.Column("cancelled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["mailing_id"], ["mailings.id"], name=op.f("fk_generations_mailing_id_mailings")),
        sa.PrimaryKeyConstraint("mailing_id", "generation", name=op.f("pk_generations")),
        sa.UniqueConstraint("sendgrid_batch_id", name=op.f("uq_generations_sendgrid_batch_id")),
        sqlite_with_rowid=False,
    )


def _deliveries() -> None:
    with op.batch_alter_table("deliveries") as deliveries:
        for column, table in _REFERENCES.items():
            deliveries.drop_constraint(op.f(f"fk_deliveries_{column}_{table}"), type_="foreignkey")
