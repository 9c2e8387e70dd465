"""Consent in words, preferences, paid time that was granted, erased and merged records, limits on signing up."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _subscribers()
    _grants()
    _erased()
    op.create_table(
        "signup_counts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "since", name=op.f("pk_signup_counts")),
        sqlite_with_rowid=False,
    )
    _signing_up_and_coming_back()


def _subscribers() -> None:
    for name, default in (("stripe_id", ""), ("consent", ""), ("referrer", ""), ("wants", "everything")):
        op.add_column("subscribers", sa.Column(name, sa.Text(), server_default=default, nullable=False))
    for name in ("paused_until", "erased_at"):
        op.add_column("subscribers", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("subscribers", sa.Column("merged_into", Id, nullable=True))
    op.create_index(
        "ix_subscribers_plan_ends_at",
        "subscribers",
        ["plan_ends_at"],
        sqlite_where=sa.text("plan_ends_at IS NOT NULL"),
        postgresql_where=sa.text("plan_ends_at IS NOT NULL"),
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=True),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_grants_subscriber_id_subscribers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.UniqueConstraint("key", name=op.f("uq_grants_key")),
    )
    op.create_index(op.f("ix_grants_subscriber_id"), "grants", ["subscriber_id"])


def _signing_up_and_coming_back() -> None:
    op.create_table(
        "signups",
        sa.Column("id", Id, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("referral_code", sa.Text(), server_default="", nullable=False),
        sa.Column("page", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signups")),
    )
    op.create_table(
        "returns",
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("address_key", name=op.f("pk_returns")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_addressees_subscriber_id"), "addressees", ["subscriber_id"])


def _erased() -> None:
    for name, table, column, condition in (
        ("ix_subscribers_merged_into", "subscribers", "merged_into", "merged_into IS NOT NULL"),
        ("ix_suppressions_erased", "suppressions", "address_key", "substr(address_key, 1, 7) = 'erased:'"),
    ):
        only = sa.text(condition)
        op.create_index(name, table, [column], sqlite_where=only, postgresql_where=only)
    op.add_column("installation", sa.Column("erased_under", sa.Text(), nullable=True))
