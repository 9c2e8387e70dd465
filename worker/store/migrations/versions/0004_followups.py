"""Follow-ups: triggers, runs of sequences, enrollments and their steps."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Instant = sa.BigInteger()


def upgrade() -> None:
    _triggers()
    _runs()
    _enrollments()
    _due_steps()
    _mailings()
    _launches()


def _only(condition: str) -> dict[str, sa.TextClause]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _triggers() -> None:
    op.create_table(
        "triggers",
        sa.Column("id", Id, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("occurrence", sa.Text(), server_default="", nullable=False),
        sa.Column("happened_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_triggers_subscriber_id_subscribers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
    )
    op.create_index(op.f("ix_triggers_subscriber_id"), "triggers", ["subscriber_id"])


def _runs() -> None:
    op.create_table(
        "sequence_runs",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("launch_id", sa.Text(), nullable=True),
        sa.Column("anchors", sa.Text(), server_default="{}", nullable=False),
        sa.Column("timings", sa.Text(), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("enrolled_through", Id, server_default="0", nullable=False),
        sa.Column("joined_through", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("needs_attention", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sequence_runs")),
        sa.UniqueConstraint("key", name=op.f("uq_sequence_runs_key")),
    )
    op.create_index("ix_sequence_runs_open", "sequence_runs", ["id"], **_only("ended_at IS NULL"))


def _enrollments() -> None:
    op.create_table(
        "enrollments",
        sa.Column("id", Id, nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("occurrence", sa.Text(), server_default="", nullable=False),
        sa.Column("triggered_at", Instant, nullable=False),
        sa.Column("enrolled_at", Instant, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrollments")),
        sa.UniqueConstraint(
            "run_id", "subscriber_id", "occurrence", name=op.f("uq_enrollments_run_id_subscriber_id_occurrence")
        ),
    )
    op.create_index(op.f("ix_enrollments_subscriber_id"), "enrollments", ["subscriber_id"])


def _due_steps() -> None:
    op.create_table(
        "due_steps",
        sa.Column("enrollment_id", Id, nullable=False),
        sa.Column("step_id", sa.Text(), nullable=False),
        sa.Column("run_id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("first_due_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("mailing_id", Id, nullable=True),
        sa.Column("decided_at", Instant, nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("enrollment_id", "step_id", name=op.f("pk_due_steps")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_due_steps_due", "due_steps", ["due_at", "enrollment_id"], **_only("state = 'due'"))
    op.create_index(
        "ix_due_steps_subscriber_id_decided_at",
        "due_steps",
        ["subscriber_id", "decided_at"],
        **_only("state = 'planned'"),
    )
    op.create_index("ix_due_steps_mailing_id", "due_steps", ["mailing_id"], **_only("mailing_id IS NOT NULL"))


def _mailings() -> None:
    op.add_column("mailings", sa.Column("run_id", Id, nullable=True))
    op.add_column("mailings", sa.Column("step_id", sa.Text(), nullable=True))
    op.add_column("mailings", sa.Column("rules", sa.Text(), nullable=True))


def _launches() -> None:
    op.create_table(
        "launch_notes",
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("converted_by", sa.Text(), server_default="", nullable=False),
        sa.Column("closes_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("launch_id", name=op.f("pk_launch_notes")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "launch_calls",
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_launch_calls")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_launch_calls_received_at"), "launch_calls", ["received_at"])
    op.create_table(
        "launch_cards",
        sa.Column("edition_id", Id, nullable=False),
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("closes_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["editions.id"], name=op.f("fk_launch_cards_edition_id_editions")),
        sa.PrimaryKeyConstraint("edition_id", "launch_id", name=op.f("pk_launch_cards")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_launch_cards_launch_id"), "launch_cards", ["launch_id"])
    for table in ("launch_conversions", "launch_mutes"):
        op.create_index(op.f(f"ix_{table}_subscriber_id"), table, ["subscriber_id"])
    op.create_index("ix_mailings_launch_id", "mailings", ["launch_id"], **_only("launch_id IS NOT NULL"))
