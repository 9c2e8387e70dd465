"""Merge: two records turn out to be one person. One goes on with everything, the other is emptied and points to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.domain.standing import WORDS, Standing
from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.errors import BroadsheetError, UsageError
from worker.providers.suppression_lists import SuppressionLists
from worker.store.engine import Connection, Engine, reading, write
from worker.store.erased import address_hash, forget_erasure, is_kept_out
from worker.store.followups.merging import merge_enrollments
from worker.store.forget import forget
from worker.store.grants import merge_grants
from worker.store.ledger.merge import merge_deliveries, merge_steps
from worker.store.merge import merge_consent, merge_launches, merge_tags, point_to
from worker.store.merge_referrals import merge_referrals, merge_rewards
from worker.store.operator_changes import add_consent
from worker.store.referrals import confirm_referral
from worker.usecases.find_subscriber import find_subscriber, hold_subscribers, typed_key
from worker.usecases.tell_before_forgetting import tell_before_forgetting


@dataclass(frozen=True, slots=True)
class Merged:
    """`skipped` messages are not mailed because the other record has, had or may have them; `rows` is what was emptied."""

    into_id: int
    skipped: int
    rows: Mapping[str, int]


def merge_subscribers(
    engine: Engine,
    from_address: str,
    into_address: str,
    zone: str,
    now: datetime,
    lists: SuppressionLists | None,
    *,
    without_sendgrid: bool = False,
) -> Merged:
    """Merge the record with the first address into the one with the second.

    Raises NobodyThere, UsageError for one and the same record, BroadsheetError where SendGrid must be told first and cannot be.
    """
    with reading(engine) as connection:
        if find_subscriber(connection, from_address).id == find_subscriber(connection, into_address).id:
            raise UsageError("both addresses are those of one record", fix="name two different subscribers")
    tell_before_forgetting(engine, typed_key(from_address), lists, now, without_sendgrid=without_sendgrid)

    def act(connection: Connection) -> Merged:
        ends, stays = hold_subscribers(connection, from_address, into_address)
        _require_mailable(connection, ends, stays)
        stands_for = address_hash(connection).of(ends.address_key)
        merge_tags(connection, ends.id, stays.id)
        merge_referrals(connection, ends.id, stays.id, now)
        merge_rewards(connection, ends.id, stays.id, zone, now)
        merge_launches(connection, ends.id, stays.id)
        merge_grants(connection, ends.id, stays.id, zone, now)
        merge_consent(connection, ends.id, stays.id, now)
        add_consent(connection, stays.id, f"merged with another record of theirs by the operator on {now:%Y-%m-%d}")
        confirm_referral(connection, stays.id, now)
        behind = merge_enrollments(connection, ends.id, stays.id, now)
        skipped = merge_deliveries(connection, ends.id, stays.id, stands_for)
        skipped += merge_steps(connection, ends.id, stays.id, behind)
        rows = forget(connection, [ends.id], ends.address_key, now, merged_into=stays.id)
        point_to(connection, ends.id, stays.id)
        return Merged(stays.id, skipped, rows)

    return write(engine, act)


def _require_mailable(connection: Connection, ends: Subscriber, stays: Subscriber) -> None:
    """A merge may confirm the record that goes on; it must not do so for an address that was erased."""
    if (ends.status, stays.status) != (SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING):
        return
    if is_kept_out(connection, stays.address_key):
        raise BroadsheetError(
            f"the address of the record that goes on {WORDS[Standing.ERASED]}",
            fix="merge the other way round, or let them confirm it themselves first",
        )
    forget_erasure(connection, [stays.address_key])
