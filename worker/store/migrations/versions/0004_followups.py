"""Follow-ups: triggers, runs of sequences, enrollments and their steps; referrals that are verified, and what they earn."""

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
    _subscribers()
    _referrals()
    _rewards()
    _known_people()
    _signups()
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
        sa.Column("rederived_through", Id, nullable=True),
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
    op.create_index("ix_mailings_broadcasts", "mailings", ["send_at"], **_only("kind = 'broadcast'"))


def _subscribers() -> None:
    op.create_index("ix_subscribers_confirmed_at", "subscribers", ["confirmed_at"], **_only("confirmed_at IS NOT NULL"))


def _referrals() -> None:
    for name in ("referred_key", "network"):
        op.add_column("referrals", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("referrals", sa.Column("state", sa.Text(), server_default="pending", nullable=False))
    op.add_column("referrals", sa.Column("reason", sa.Text(), server_default="", nullable=False))
    op.add_column("referrals", sa.Column("decided_at", Instant, nullable=True))
    op.execute("UPDATE referrals SET state = 'verified', decided_at = confirmed_at WHERE confirmed_at IS NOT NULL")
    _hash_referred()
    with op.batch_alter_table("referrals") as table:
        table.alter_column("referred_key", existing_type=sa.Text(), nullable=False)
        table.create_check_constraint("ck_referrals_not_oneself", "referrer_id <> referred_id")
        table.create_check_constraint("ck_referrals_state", "state IN ('pending', 'verified', 'review', 'rejected')")
    alive = _only("state <> 'rejected'")
    op.create_index("uq_referrals_referred_key", "referrals", ["referred_key"], unique=True, **alive)
    due = _only("state = 'pending' AND confirmed_at IS NOT NULL")
    op.create_index("ix_referrals_due", "referrals", ["confirmed_at", "id"], **due)
    op.create_index("ix_referrals_verified", "referrals", ["referrer_id"], **_only("state = 'verified'"))
    op.create_index("ix_referrals_review", "referrals", ["id"], **_only("state = 'review'"))
    op.create_index("ix_referrals_network", "referrals", ["network", "recorded_at"], **_only("network IS NOT NULL"))
    op.create_index("ix_referrals_networks_kept", "referrals", ["recorded_at"], **_only("network IS NOT NULL"))


def _hash_referred() -> None:
    """What a friend is known by for ever. Where no secret is known, their row is all that says they counted; erasing them
    keeps the hash then."""
    connection = op.get_bind()
    known = connection.get_execution_options().get("broadsheet_address_hash")
    rows = connection.execute(
        sa.text(
            "SELECT referrals.id, referred_id, referral_key FROM referrals"
            " JOIN subscribers ON subscribers.id = referred_id ORDER BY recorded_at, referrals.id"
        )
    ).all()
    taken: set[str] = set()
    for row_id, referred_id, referral_key in rows:
        name = f"unhashed:{referred_id}"
        if known is not None and referral_key and known.person(referral_key) not in taken:
            name = known.person(referral_key)
        taken.add(name)
        keep = sa.text("UPDATE referrals SET referred_key = :name WHERE id = :id")
        connection.execute(keep, {"name": name, "id": row_id})


def _rewards() -> None:
    op.create_table(
        "referral_rewards",
        sa.Column("id", Id, nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("milestone_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("friends", sa.Integer(), nullable=False),
        sa.Column("reward", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reached_at", Instant, nullable=False),
        sa.Column("granted_at", Instant, nullable=True),
        sa.CheckConstraint("state IN ('granted', 'waiting', 'void')", name="ck_referral_rewards_state"),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_referral_rewards_subscriber_id_subscribers")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral_rewards")),
        sa.UniqueConstraint(
            "subscriber_id", "milestone_id", name=op.f("uq_referral_rewards_subscriber_id_milestone_id")
        ),
    )
    op.create_index("ix_referral_rewards_waiting", "referral_rewards", ["id"], **_only("state = 'waiting'"))
    op.create_table(
        "referral_rechecks",
        sa.Column("subscriber_id", Id, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_referral_rechecks_subscriber_id_subscribers")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_referral_rechecks")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "referral_programme",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("looked_through", Id, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral_programme")),
    )


def _known_people() -> None:
    op.create_table(
        "known_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subscriber_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_known_keys_subscriber_id_subscribers")
        ),
        sa.PrimaryKeyConstraint("key", "subscriber_id", name=op.f("pk_known_keys")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_known_keys_subscriber_id"), "known_keys", ["subscriber_id"])
    op.create_table(
        "named_referrers",
        sa.Column("subscriber_id", Id, autoincrement=False, nullable=False),
        sa.Column("agreed_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_named_referrers_subscriber_id_subscribers")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_named_referrers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reader_networks",
        sa.Column("subscriber_id", Id, nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("seen_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("fk_reader_networks_subscriber_id_subscribers")
        ),
        sa.PrimaryKeyConstraint("subscriber_id", "network", name=op.f("pk_reader_networks")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_reader_networks_seen_at"), "reader_networks", ["seen_at"])


def _signups() -> None:
    for name in ("later_code", "network"):
        op.add_column("signups", sa.Column(name, sa.Text(), server_default="", nullable=False))


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
