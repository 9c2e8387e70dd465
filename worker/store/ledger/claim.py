"""Claiming: one conditional UPDATE makes a pending batch this process's own until its lease runs out."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select, update

from worker.domain.delivery import BatchStatus, ClaimedBatch
from worker.domain.mailing import MailingStatus
from worker.domain.staging import CUTOFF, ID_AGE, GenerationState
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.cards import SHOWS_CLOSED
from worker.store.ledger.moves import changed, log_move
from worker.store.pace import MAY_PACE
from worker.store.tables import batches, generations, installation, mailings


def _millis(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


#: Beside a row of `mailings`: it sends. One that was to be staged does so from its hour on, never before.
SENDS_NOW: ColumnElement[bool] = and_(
    mailings.c.status == MailingStatus.SENDING.value,
    or_(mailings.c.stage_at.is_(None), mailings.c.send_at <= DatabaseNow()),
)

#: Beside a row of `mailings`: it is staged under a batch id that may still be used, long enough before the hour that
#: what is handed over now could be taken back.
SENDS_AHEAD: ColumnElement[bool] = and_(
    mailings.c.status == MailingStatus.STAGED.value,
    mailings.c.send_at > DatabaseNow(_millis(CUTOFF)),
    exists().where(
        generations.c.mailing_id == mailings.c.id,
        generations.c.generation == mailings.c.generation,
        generations.c.state == GenerationState.OPEN.value,
        generations.c.reserved_at > DatabaseNow(-_millis(ID_AGE)),
    ),
)

SENDS: ColumnElement[bool] = or_(SENDS_NOW, SENDS_AHEAD)


def may_go(sends: ColumnElement[bool]) -> ColumnElement[bool]:
    """Nothing is claimed or started while this does not hold: the mailing `sends`, neither the account nor its queue is
    blocked, and the installation is not fenced.
    """
    return exists().where(mailings.c.id == batches.c.mailing_id, sends, MAY_PACE) & ~exists().where(
        installation.c.fenced_reason.is_not(None)
    )


MAY_GO: ColumnElement[bool] = may_go(SENDS)

#: A batch that may be claimed as far as it is itself concerned.
READY: ColumnElement[bool] = and_(
    batches.c.status == BatchStatus.PENDING.value,
    batches.c.set_aside.is_(None),
    or_(batches.c.not_before.is_(None), batches.c.not_before <= DatabaseNow()),
    ~SHOWS_CLOSED,
)

_next = (
    select(batches.c.id)
    .where(
        batches.c.mailing_id == bindparam("mailing"),
        READY,
    )
    .order_by(batches.c.id)
    .limit(1)
    .scalar_subquery()
)

_claims: dict[int, Any] = {}


def _claim_statement(lease_millis: int) -> Any:
    if lease_millis not in _claims:
        _claims[lease_millis] = (
            update(batches)
            .where(
                batches.c.id == _next,
                batches.c.status == BatchStatus.PENDING.value,
                batches.c.set_aside.is_(None),
                MAY_GO,
            )
            .values(
                status=BatchStatus.CLAIMED.value, claim_token=bindparam("token"), lease_until=DatabaseNow(lease_millis)
            )
            .returning(
                batches.c.id, batches.c.edition_id, batches.c.generation, batches.c.attempts, batches.c.lease_until
            )
        )
    return _claims[lease_millis]


def claim_batch(connection: Connection, mailing_id: int, lease_millis: int) -> ClaimedBatch | None:
    """Claim the next batch of a mailing that may go now; None where there is none or the mailing may not go.

    Two processes may aim at the same batch: the second finds it no longer pending and gets None although others
    are left (PostgreSQL only: SQLite lets one writer in at a time). `has_claimable` tells the two apart.
    """
    token = secrets.token_hex(8)
    row = connection.execute(_claim_statement(lease_millis), {"mailing": mailing_id, "token": token}).one_or_none()
    if row is None:
        return None
    log_move("batch", row.id, BatchStatus.PENDING, BatchStatus.CLAIMED, mailing=mailing_id)
    return ClaimedBatch(row.id, mailing_id, row.edition_id, token, row.generation, row.attempts, row.lease_until)


_due = (
    select(batches.c.id)
    .where(
        batches.c.mailing_id == bindparam("mailing"),
        READY,
        MAY_GO,
    )
    .limit(1)
)


def has_claimable(connection: Connection, mailing_id: int) -> bool:
    """Whether a batch of this mailing may be claimed now."""
    return connection.execute(_due, {"mailing": mailing_id}).first() is not None


def release_claim(connection: Connection, batch: ClaimedBatch) -> bool:
    """Give an unstarted batch back; False where it is no longer this claim's."""
    done = changed(
        connection,
        update(batches)
        .where(batches.c.id == batch.id, batches.c.status == BatchStatus.CLAIMED, batches.c.claim_token == batch.token)
        .values(status=BatchStatus.PENDING, claim_token=None, lease_until=None),
    )
    if done:
        log_move("batch", batch.id, BatchStatus.CLAIMED, BatchStatus.PENDING)
    return done == 1
