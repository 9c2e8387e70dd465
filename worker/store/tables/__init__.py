"""Every table, as SQLAlchemy Core, by what it is about. Each is written by the modules named for it alone.

A change needs a migration and a line in CHANGELOG.md.
"""

from worker.store.tables.base import Id, metadata
from worker.store.tables.followups import due_steps, enrollments, sequence_runs, triggers
from worker.store.tables.launches import launch_calls, launch_cards, launch_conversions, launch_mutes, launch_notes
from worker.store.tables.ledger import (
    addressees,
    batches,
    deliveries,
    editions,
    exclusions,
    generations,
    mailings,
    submissions,
)
from worker.store.tables.outside import (
    events,
    installation,
    rate_buckets,
    sync_cursors,
)
from worker.store.tables.people import (
    ERASED_KEYS,
    UNPUSHED,
    grants,
    returns,
    signup_counts,
    signups,
    subscriber_tags,
    subscribers,
    suppressions,
)
from worker.store.tables.referrals import (
    known_keys,
    named_referrers,
    reader_networks,
    referral_programme,
    referral_rechecks,
    referral_rewards,
    referrals,
)

__all__ = [
    "ERASED_KEYS",
    "UNPUSHED",
    "Id",
    "addressees",
    "batches",
    "deliveries",
    "due_steps",
    "editions",
    "enrollments",
    "events",
    "exclusions",
    "generations",
    "grants",
    "installation",
    "known_keys",
    "launch_calls",
    "launch_cards",
    "launch_conversions",
    "launch_mutes",
    "launch_notes",
    "mailings",
    "metadata",
    "named_referrers",
    "rate_buckets",
    "reader_networks",
    "referral_programme",
    "referral_rechecks",
    "referral_rewards",
    "referrals",
    "returns",
    "sequence_runs",
    "signup_counts",
    "signups",
    "submissions",
    "subscriber_tags",
    "subscribers",
    "suppressions",
    "sync_cursors",
    "triggers",
]
