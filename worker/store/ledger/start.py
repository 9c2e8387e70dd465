"""Starting: the last look before the call. In one transaction the batch becomes `submitting`, whoever may no longer
be mailed is skipped with the reason, and the submission's row is written.

From here on the batch can only end by an answer, by evidence, or as `uncertain`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, literal, select, update

from worker.domain.address import address_key
from worker.domain.delivery import BatchStatus, ClaimedBatch, Recipient, SkipReason, StartedBatch
from worker.domain.mailing import KINDS, Mailing, MailingKind
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.claim import MAY_GO
from worker.store.ledger.eligibility import skip_reason
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import batches, deliveries, referrals, submissions, subscribers, suppressions


@cache
def _start_statement(lease_millis: int) -> Any:
    return (
        update(batches)
        .where(
            batches.c.id == bindparam("batch"),
            batches.c.status == BatchStatus.CLAIMED.value,
            batches.c.claim_token == bindparam("token"),
            batches.c.generation == bindparam("generation_now"),
            batches.c.lease_until > DatabaseNow(),
            MAY_GO,
        )
        .values(
            status=BatchStatus.SUBMITTING.value,
            attempts=batches.c.attempts + 1,
            # The lease starts anew here, so the call's whole deadline fits into it.
            lease_until=DatabaseNow(lease_millis),
        )
    )


@cache
def _owed(kind: MailingKind, launch_id: str | None, count_referrals: bool) -> Select[Any]:
    """Every delivery of a batch that is still owed, with what decides about it now and what merge tags need."""
    outsiders = KINDS[kind].outsiders
    own_key = suppressions.c.address_key == (deliveries.c.address_key if outsiders else subscribers.c.address_key)
    brought = (
        select(func.count())
        .select_from(referrals)
        .where(referrals.c.referrer_id == subscribers.c.id, referrals.c.confirmed_at.is_not(None))
        .scalar_subquery()
    )
    return (
        select(
            deliveries.c.id,
            # A test or an alert must not carry somebody's working unsubscribe link to another address.
            literal(0) if outsiders else deliveries.c.subscriber_id,
            func.coalesce(deliveries.c.address, subscribers.c.address),
            func.coalesce(subscribers.c.name, ""),
            func.coalesce(subscribers.c.referral_code, ""),
            brought if count_referrals else literal(0),
            skip_reason(kind, launch_id),
            deliveries.c.address_key,
            subscribers.c.address_key,
        )
        .select_from(deliveries)
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .outerjoin(suppressions, own_key)
        .where(
            deliveries.c.batch_id == bindparam("batch"),
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .order_by(deliveries.c.id)
    )


_submit = insert(submissions).returning(submissions.c.id)


def start_batch(
    connection: Connection,
    batch: ClaimedBatch,
    mailing: Mailing,
    lease_millis: int,
    now: datetime,
    *,
    count_referrals: bool = False,
) -> StartedBatch | None:
    """Start a claimed batch; None where it is not this claim's any more, its lease ran out, or the mailing may not go.

    A batch in which nobody is left ends as `empty` and comes back without recipients: there is nothing to call.
    """
    statement = _start_statement(lease_millis)
    owned = {"batch": batch.id, "token": batch.token, "generation_now": batch.generation}
    if changed(connection, statement, owned) != 1:
        return None
    rows = connection.execute(_owed(mailing.kind, mailing.launch_id, count_referrals), {"batch": batch.id}).all()
    recipients = [Recipient(*row[:6]) for row in rows if row[6] is None and row[7] == row[8]]
    if len(recipients) != len(rows):
        recipients = _part(connection, mailing, rows)
    if not recipients:
        _end_empty(connection, batch)
        return StartedBatch(batch, 0, "", ())
    key = secrets.token_urlsafe(12)
    submission_id = connection.execute(
        _submit,
        {
            "key": key,
            "batch_id": batch.id,
            "generation": batch.generation,
            "token": batch.token,
            "size": len(recipients),
            "started_at": now,
        },
    ).scalar_one()
    log_move(
        "batch", batch.id, BatchStatus.CLAIMED, BatchStatus.SUBMITTING, mailing=mailing.id, submission=submission_id
    )
    return StartedBatch(batch, submission_id, key, tuple(recipients))


def skip_deliveries(connection: Connection, delivery_ids: Sequence[int], reason: SkipReason) -> None:
    """Skip deliveries of a batch this process has started, or of one in this same transaction."""
    for start in range(0, len(delivery_ids), 500):
        part = delivery_ids[start : start + 500]
        changed(connection, update(deliveries).where(deliveries.c.id.in_(part)).values(skipped_reason=reason))


def _part(connection: Connection, mailing: Mailing, rows: Sequence[Any]) -> list[Recipient]:
    """Skip whoever may not be mailed, follow those who changed their address, and return the rest."""
    skipped: dict[SkipReason, list[int]] = {}
    kept: list[Recipient] = []
    for row in rows:
        reason = SkipReason(row[6]) if row[6] else None
        if (
            reason is None
            and not mailing.rules.outsiders
            and row[7] != row[8]
            and not _follow(connection, mailing, row)
        ):
            reason = SkipReason.DUPLICATE
        if reason is None:
            kept.append(Recipient(*row[:6]))
        else:
            skipped.setdefault(reason, []).append(row[0])
    for reason, ids in skipped.items():
        skip_deliveries(connection, ids, reason)
    return kept


def _follow(connection: Connection, mailing: Mailing, row: Any) -> bool:
    """Note a reader's new address on the delivery; False where another delivery of the mailing goes to it already."""
    new_key = row[8] or address_key(row[2])
    other = deliveries.alias()
    taken = select(other.c.id).where(other.c.mailing_id == mailing.id, other.c.address_key == new_key).exists()
    return (
        changed(
            connection,
            update(deliveries).where(deliveries.c.id == row[0], ~taken).values(address_key=new_key),
        )
        == 1
    )


def _end_empty(connection: Connection, batch: ClaimedBatch) -> None:
    changed(
        connection,
        update(batches)
        .where(batches.c.id == batch.id, batches.c.claim_token == batch.token)
        .values(status=BatchStatus.EMPTY, claim_token=None, lease_until=None),
    )
    log_move("batch", batch.id, BatchStatus.SUBMITTING, BatchStatus.EMPTY)
