"""Deciding: an operator's word on a batch that no answer and no event has settled. Each is one conditional update.

The submission keeps its answer; beside it stand the decision and its time. What contradicts a decision later is found by
contradiction.py.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, insert, null, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.mailing import MailingStatus
from worker.domain.verdict import VERDICTS, Doubt, Verdict
from worker.store.engine import Connection
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.set_aside import take_back
from worker.store.tables import batches, deliveries, mailings, submissions

NOT_SENT_AGAIN = "an operator decided that it did not go out and is not sent again"
FORGOTTEN = "made before this database was restored"
_FROM: dict[Doubt, BatchStatus] = {
    Doubt.UNCERTAIN: BatchStatus.UNCERTAIN,
    Doubt.SET_ASIDE: BatchStatus.PENDING,
    Doubt.FORGOTTEN: BatchStatus.PENDING,
    Doubt.CONTRADICTED: BatchStatus.SUBMITTED,
}
_TO: dict[Verdict, BatchStatus] = {
    Verdict.SUBMITTED: BatchStatus.SUBMITTED,
    Verdict.AGAIN: BatchStatus.PENDING,
    Verdict.REFUSED: BatchStatus.REFUSED,
}

#: Beside a row of `submissions`: an operator said that it went out, and its worker's answer says that it did not.
CONTRADICTED: ColumnElement[bool] = and_(
    submissions.c.decision == Verdict.SUBMITTED.value, submissions.c.contradicted_at.is_not(None)
)


def decide_batch(connection: Connection, batch_id: int, doubt: Doubt, verdict: Verdict, now: datetime) -> bool:
    """Carry out a verdict. False where the batch is not in that doubt any more, or its mailing does not allow it.

    Nothing is decided while a mailing is recalled, and nothing of a cancelled one is sent again; nor what is uncertain
    while its mailing is staged.
    """
    if verdict not in VERDICTS[doubt]:
        raise ValueError(f"a batch that is {doubt} cannot be decided as {verdict}")
    closed = [MailingStatus.RECALLING, *([MailingStatus.CANCELLED] if verdict is Verdict.AGAIN else [])]
    if doubt is Doubt.UNCERTAIN and verdict is Verdict.AGAIN:
        closed.append(MailingStatus.STAGED)  # under the same batch id both would go; the clock takes back and restages
    allowed = exists().where(mailings.c.id == batches.c.mailing_id, mailings.c.status.not_in(closed))
    row = connection.execute(
        update(batches)
        .where(batches.c.id == batch_id, batches.c.status == _FROM[doubt], allowed, *_still(doubt))
        .values(_values(verdict))
        .returning(batches.c.mailing_id, batches.c.generation)
    ).one_or_none()
    if row is None:
        return False
    if doubt is Doubt.FORGOTTEN and verdict is not Verdict.AGAIN:
        _remember(connection, batch_id, row.generation, now)
    _write_down(connection, batch_id, verdict, now)
    if verdict is Verdict.AGAIN:
        _open_again(connection, row.mailing_id)
    take_back(connection, row.mailing_id)
    log_move("batch", batch_id, _FROM[doubt], _TO[verdict], by="operator", doubt=doubt)
    return True


def _values(verdict: Verdict) -> dict[str, Any]:
    released = {"status": _TO[verdict], "claim_token": None, "lease_until": None, "set_aside": None}
    match verdict:
        case Verdict.SUBMITTED:
            return released | {"problem": None}
        case Verdict.AGAIN:
            return released | {"not_before": None, "swept": 0}
        case Verdict.REFUSED:
            return released | {"problem": NOT_SENT_AGAIN}


def _still(doubt: Doubt) -> list[ColumnElement[bool]]:
    if doubt is Doubt.SET_ASIDE:
        return [batches.c.set_aside.is_not(None)]
    if doubt is Doubt.CONTRADICTED:
        return [exists().where(submissions.c.batch_id == batches.c.id, CONTRADICTED)]
    return []


def _newest(batch_id: int) -> Any:
    return select(func.max(submissions.c.id)).where(submissions.c.batch_id == batch_id).scalar_subquery()


def _write_down(connection: Connection, batch_id: int, verdict: Verdict, now: datetime) -> None:
    """On the newest submission. A batch set aside before any call has none: the batch itself says what was decided."""
    changed(
        connection,
        update(submissions)
        .where(submissions.c.id == _newest(batch_id))
        .values(decision=verdict, decided_at=now, contradicted_at=null()),
    )


def _remember(connection: Connection, batch_id: int, generation: int, now: datetime) -> None:
    """Write the row of a call that this database has forgotten, so that the decision has a place."""
    size = select(func.count()).where(
        deliveries.c.batch_id == batch_id, deliveries.c.skipped_reason.is_(None), deliveries.c.refused_reason.is_(None)
    )
    connection.execute(
        insert(submissions).values(
            key=secrets.token_urlsafe(12),
            batch_id=batch_id,
            generation=generation,
            token=secrets.token_hex(8),
            size=size.scalar_subquery(),
            started_at=now,
            answered_at=now,
            answer="unknown",
            detail=FORGOTTEN,
        )
    )


def _open_again(connection: Connection, mailing_id: int) -> None:
    """A mailing that was finished before a contradiction has something to send again."""
    done = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.status == MailingStatus.FINISHED)
        .values(status=MailingStatus.SENDING, finished_at=null()),
    )
    if done:
        log_move("mailing", mailing_id, MailingStatus.FINISHED, MailingStatus.SENDING, by="operator")
