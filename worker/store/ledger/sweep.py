"""Sweeping: what a dead process left behind is released, by leases on the database's clock.

A claim that ran out goes back to pending: nothing left the house. A call that ran out is uncertain, or, for the
kinds that say so, pending again. Nothing here guesses that a mail went out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, update

from worker.domain.delivery import OPEN_BATCHES, BatchStatus
from worker.domain.mailing import KINDS, MailingStatus, Uncertain
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.set_aside import count_swept_claim
from worker.store.ledger.uncertain import pause_if_uncertain
from worker.store.tables import batches, mailings, submissions

RESENDS = 5  # calls in doubt for one batch of such a kind; then it stays uncertain like any other
_RESENT = [kind.value for kind, rules in KINDS.items() if rules.uncertain is Uncertain.RESEND]


@dataclass(frozen=True, slots=True)
class Swept:
    """How many batches and mailings one sweep moved."""

    released: int
    uncertain: int
    resent: int
    cancelled: int
    finished: int


def sweep(connection: Connection, now: datetime) -> Swept:
    """Release what ran out, cancel what belongs to a cancelled mailing, finish what is done. Can be repeated at any time."""
    released = _release(connection)
    uncertain = _give_up_calls(connection, now)
    resent = _resend(connection)
    cancelled = _cancel_leftovers(connection)
    return Swept(released, uncertain, resent, cancelled, finish_mailings(connection, now))


def finish_mailings(connection: Connection, now: datetime) -> int:
    """Finish every planned mailing without an open batch; a staged one once its hour has come, for until then it waits."""
    open_batch = exists().where(batches.c.mailing_id == mailings.c.id, batches.c.status.in_(OPEN_BATCHES))
    done = (
        mailings.c.status == MailingStatus.SENDING,
        mailings.c.planned_at.is_not(None),
        or_(mailings.c.stage_at.is_(None), mailings.c.send_at <= now),
        ~open_batch,
    )
    ids = connection.execute(select(mailings.c.id).where(*done).order_by(mailings.c.id)).scalars().all()
    finished = 0
    for mailing_id in ids:
        statement = update(mailings).where(mailings.c.id == mailing_id, *done)
        if changed(connection, statement.values(status=MailingStatus.FINISHED, finished_at=now)):
            log_move("mailing", mailing_id, MailingStatus.SENDING, MailingStatus.FINISHED)
            finished += 1
    return finished


def _release(connection: Connection) -> int:
    ran_out = (batches.c.status == BatchStatus.CLAIMED) & (batches.c.lease_until < DatabaseNow())
    values = {
        "status": BatchStatus.PENDING,
        "claim_token": None,
        "lease_until": None,
        "swept": batches.c.swept + 1,
    }
    columns = (batches.c.id, batches.c.swept, batches.c.problem)
    released = connection.execute(update(batches).where(ran_out).values(values).returning(*columns)).all()
    for row in released:
        log_move("batch", row.id, BatchStatus.CLAIMED, BatchStatus.PENDING, by="sweep")
        count_swept_claim(connection, row.id, row.swept, row.problem)
    return len(released)


def _give_up_calls(connection: Connection, now: datetime) -> int:
    # The token stays: if the holder is only frozen, its answer may still settle the batch.
    ran_out = (batches.c.status == BatchStatus.SUBMITTING) & (batches.c.lease_until < DatabaseNow())
    values = {"status": BatchStatus.UNCERTAIN, "lease_until": None, "problem": "its worker disappeared during the call"}
    of = connection.execute(update(batches).where(ran_out).values(values).returning(batches.c.id, batches.c.mailing_id))
    moved = of.all()
    for row in moved:
        log_move("batch", row.id, BatchStatus.SUBMITTING, BatchStatus.UNCERTAIN, by="sweep")
    if moved:
        lost = select(batches.c.id).where(batches.c.status == BatchStatus.UNCERTAIN).scalar_subquery()
        changed(
            connection,
            update(submissions)
            .where(submissions.c.batch_id.in_(lost), submissions.c.answer.is_(None))
            .values(answer="unknown", answered_at=now, detail="its worker disappeared during the call"),
        )
        lost_by = sorted({row.mailing_id for row in moved})
        pause_if_uncertain(connection, lost_by, "its worker disappeared during the call")
    return len(moved)


def _resend(connection: Connection) -> int:
    resent = select(mailings.c.id).where(mailings.c.kind.in_(_RESENT)).scalar_subquery()
    in_doubt = (
        select(func.count())
        .where(submissions.c.batch_id == batches.c.id, submissions.c.answer == "unknown")
        .scalar_subquery()
    )
    held = (batches.c.status == BatchStatus.UNCERTAIN) & batches.c.mailing_id.in_(resent) & (in_doubt <= RESENDS)
    values = {"status": BatchStatus.PENDING, "claim_token": None}
    return _each(connection, held, values, BatchStatus.UNCERTAIN, BatchStatus.PENDING)


def _cancel_leftovers(connection: Connection) -> int:
    cancelled = select(mailings.c.id).where(mailings.c.status == MailingStatus.CANCELLED).scalar_subquery()
    left = (batches.c.status == BatchStatus.PENDING) & batches.c.mailing_id.in_(cancelled)
    return _each(connection, left, {"status": BatchStatus.CANCELLED}, BatchStatus.PENDING, BatchStatus.CANCELLED)


def _each(
    connection: Connection, condition: ColumnElement[bool], values: dict[str, Any], before: str, after: str
) -> int:
    ids = connection.execute(update(batches).where(condition).values(values).returning(batches.c.id)).scalars().all()
    for batch_id in ids:
        log_move("batch", batch_id, before, after, by="sweep")
    return len(ids)
