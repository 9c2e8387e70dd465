"""Starting: the last look before the call. In one transaction the batch becomes `submitting`, whoever may no longer
be mailed is skipped with the reason, and the submission's row is written.

From here on the batch can only end by an answer, by evidence, or as `uncertain`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func, insert, literal, or_, select, update

from worker.domain.address import address_key
from worker.domain.delivery import BatchStatus, ClaimedBatch, Recipient, SkipReason, StartedBatch
from worker.domain.mailing import KINDS, Mailing, MailingKind
from worker.domain.referral import ReferralState
from worker.store.engine import Connection
from worker.store.erased import forms_of
from worker.store.followups.leaving import leave_by_rule
from worker.store.instants import DatabaseNow
from worker.store.ledger.cards import SHOWS_CLOSED
from worker.store.ledger.claim import SENDS_AHEAD, SENDS_NOW, may_go
from worker.store.ledger.eligibility import Asking, asking, skip_reason
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.staging import open_generation
from worker.store.tables import batches, deliveries, referral_rewards, referrals, submissions, subscribers, suppressions


class FriendFigures(NamedTuple):
    """What merge tags say of the friends a reader brought: their number, and the milestones that were reached."""

    number: bool = False
    milestones: bool = False


NO_FRIENDS = FriendFigures()


@cache
def _start_statement(lease_millis: int, ahead: bool) -> Any:
    """`ahead` says which of the two ways of sending was found; if the mailing changes to the other meanwhile, nothing starts."""
    return (
        update(batches)
        .where(
            batches.c.id == bindparam("batch"),
            batches.c.status == BatchStatus.CLAIMED.value,
            batches.c.claim_token == bindparam("token"),
            batches.c.generation == bindparam("generation_now"),
            batches.c.lease_until > DatabaseNow(),
            # Held back since it was claimed, by an outage.
            or_(batches.c.not_before.is_(None), batches.c.not_before <= DatabaseNow()),
            ~SHOWS_CLOSED,
            may_go(SENDS_AHEAD if ahead else SENDS_NOW),
        )
        .values(
            status=BatchStatus.SUBMITTING.value,
            attempts=batches.c.attempts + 1,
            # The lease starts anew here, so the call's whole deadline fits into it.
            lease_until=DatabaseNow(lease_millis),
        )
    )


def _deliveries(*columns: Any) -> Select[Any]:
    """`columns` of every delivery of a batch that is still owed, beside its subscriber, if it has one."""
    return (
        select(*columns)
        .select_from(deliveries)
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .where(
            deliveries.c.batch_id == bindparam("batch"),
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .order_by(deliveries.c.id)
    )


def _recipient(kind: MailingKind, friends: FriendFigures) -> tuple[Any, ...]:
    """The columns of a Recipient, in its order."""
    brought = (
        select(func.count())
        .select_from(referrals)
        .where(referrals.c.referrer_id == subscribers.c.id, referrals.c.state == ReferralState.VERIFIED)
        .scalar_subquery()
    )
    reached = (
        select(func.aggregate_strings(referral_rewards.c.milestone_id, ","))
        .where(referral_rewards.c.subscriber_id == subscribers.c.id)
        .scalar_subquery()
    )
    return (
        deliveries.c.id,
        # A test or an alert must not carry somebody's working unsubscribe link to another address.
        literal(0) if KINDS[kind].outsiders else deliveries.c.subscriber_id,
        func.coalesce(deliveries.c.address, subscribers.c.address),
        func.coalesce(subscribers.c.name, ""),
        func.coalesce(subscribers.c.referral_code, ""),
        brought if friends.number else literal(0),
        func.coalesce(reached, "") if friends.milestones else literal(""),
    )


@cache
def _owed(kind: MailingKind, friends: FriendFigures) -> Select[Any]:
    return _deliveries(*_recipient(kind, friends))


@lru_cache(maxsize=256)
def _changed(asks: Asking, friends: FriendFigures) -> Select[Any]:
    """Only those whom something has happened to: a reason to skip them, or another address than was planned."""
    kind, reason = asks.kind, skip_reason(asks)
    moved = subscribers.c.address_key.is_distinct_from(deliveries.c.address_key)
    happened = reason.is_not(None) if KINDS[kind].outsiders else or_(reason.is_not(None), moved)
    columns = (*_recipient(kind, friends), reason, subscribers.c.address_key)
    key = deliveries.c.address_key if KINDS[kind].outsiders else subscribers.c.address_key
    return _deliveries(*columns).outerjoin(suppressions, suppressions.c.address_key == key).where(happened)


_submit = insert(submissions).returning(submissions.c.id)


def read_owed(
    connection: Connection, batch: ClaimedBatch, mailing: Mailing, *, friends: FriendFigures = NO_FRIENDS
) -> tuple[Recipient, ...]:
    """Everybody a claimed batch is owed to, so that their merge values can be written before it starts.

    Whether they may still be mailed, and where, `start_batch` decides.
    """
    rows = connection.execute(_owed(mailing.kind, friends), {"batch": batch.id})
    return tuple(map(Recipient._make, rows.all()))


def start_batch(
    connection: Connection,
    batch: ClaimedBatch,
    mailing: Mailing,
    lease_millis: int,
    now: datetime,
    *,
    owed: Sequence[Recipient] | None = None,
    friends: FriendFigures = NO_FRIENDS,
) -> StartedBatch | None:
    """Start a claimed batch; None where it is not this claim's any more, its lease ran out, or the mailing may not go.

    `owed` is what `read_owed` found under this claim. Its recipients come back as they are, without those who may no
    longer be mailed and with a new Recipient for each whose address changed. A batch in which nobody is left ends as
    `empty` and comes back without recipients: there is nothing to call.
    """
    # Asked now, not when the job began: a recall may have put the mailing under another id meanwhile.
    waits = open_generation(connection, mailing.id, batch.generation) if mailing.stage_at is not None else None
    owned = {"batch": batch.id, "token": batch.token, "generation_now": batch.generation}
    if changed(connection, _start_statement(lease_millis, waits is not None), owned) != 1:
        return None
    if owed is None:
        owed = read_owed(connection, batch, mailing, friends=friends)
    happened = connection.execute(_changed(asking(mailing), friends), {"batch": batch.id}).all()
    recipients = _without(connection, mailing, owed, happened, now) if happened else tuple(owed)
    if not recipients:
        _end_empty(connection, batch)
        return StartedBatch(batch, 0, "", ())
    key = secrets.token_urlsafe(12)
    submission_id = connection.execute(
        _submit,
        {
            "key": key,
            "batch_id": batch.id,
            "edition_id": batch.edition_id,
            "generation": batch.generation,
            "token": batch.token,
            "size": len(recipients),
            "started_at": now,
            "sendgrid_batch_id": waits.sendgrid_batch_id if waits else None,
        },
    ).scalar_one()
    log_move(
        "batch", batch.id, BatchStatus.CLAIMED, BatchStatus.SUBMITTING, mailing=mailing.id, submission=submission_id
    )
    if waits is None:
        return StartedBatch(batch, submission_id, key, recipients)
    return StartedBatch(batch, submission_id, key, recipients, waits.sendgrid_batch_id, waits.send_at)


def skip_deliveries(connection: Connection, delivery_ids: Sequence[int], reason: SkipReason) -> None:
    """Skip deliveries of a batch this process has started, or of one in this same transaction."""
    for start in range(0, len(delivery_ids), 500):
        part = delivery_ids[start : start + 500]
        changed(connection, update(deliveries).where(deliveries.c.id.in_(part)).values(skipped_reason=reason))


def _without(
    connection: Connection, mailing: Mailing, owed: Sequence[Recipient], happened: Sequence[Any], now: datetime
) -> tuple[Recipient, ...]:
    """`owed` without whoever may not be mailed; those who moved get their new address."""
    skipped: dict[SkipReason, list[int]] = {}
    moved: dict[int, Recipient] = {}
    for row in happened:
        recipient, reason, key = Recipient._make(row[:7]), row[7], row[8]
        if reason is None and not _follow(connection, mailing, recipient, key):
            reason = SkipReason.DUPLICATE
        if reason is None:
            moved[recipient.delivery_id] = recipient
        else:
            skipped.setdefault(SkipReason(reason), []).append(recipient.delivery_id)
    for why, ids in skipped.items():
        skip_deliveries(connection, ids, why)
    if SkipReason.STOP_IF in skipped:
        leave_by_rule(connection, mailing.id, skipped[SkipReason.STOP_IF], now)
    gone = {delivery_id for ids in skipped.values() for delivery_id in ids}
    return tuple(moved.get(one.delivery_id, one) for one in owed if one.delivery_id not in gone)


def _follow(connection: Connection, mailing: Mailing, recipient: Recipient, key: str | None) -> bool:
    """Note a reader's new address on the delivery; False where another delivery of the mailing goes to it already."""
    new_key = key or address_key(recipient.address)
    other = deliveries.alias()
    goes_there = (other.c.mailing_id == mailing.id, other.c.address_key.in_(forms_of(connection, new_key)))
    taken = select(other.c.id).where(*goes_there, other.c.id != recipient.delivery_id).exists()
    moving = update(deliveries).where(deliveries.c.id == recipient.delivery_id, ~taken).values(address_key=new_key)
    return changed(connection, moving) == 1


def _end_empty(connection: Connection, batch: ClaimedBatch) -> None:
    changed(
        connection,
        update(batches)
        .where(batches.c.id == batch.id, batches.c.claim_token == batch.token)
        .values(status=BatchStatus.EMPTY, claim_token=None, lease_until=None),
    )
    log_move("batch", batch.id, BatchStatus.SUBMITTING, BatchStatus.EMPTY)
