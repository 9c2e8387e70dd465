"""Contradictions: an answer or an event that says otherwise than an operator decided. Noted once, with the facts.

A decision is never turned round by this: evidence.py and settle.py move batches by their own rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.verdict import Verdict
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.mailings import need_attention
from worker.store.ledger.moves import changed
from worker.store.tables import batches, mailings, submissions

_DENIED = (Verdict.AGAIN.value, Verdict.REFUSED.value)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A submission an operator held for not taken, and which was."""

    submission_id: int
    batch_id: int
    mailing_id: int
    size: int
    decision: str
    decided_at: datetime


def find_denied(connection: Connection, keys: Sequence[str]) -> list[Contradiction]:
    """Among proven submissions those an operator held for not taken, each once ever. Asked before their batches are moved.

    Their batches are touched: whoever settles one of them at the same time comes before this, and is seen, or after it,
    and sees it.
    """
    found = connection.execute(
        select(
            submissions.c.id,
            submissions.c.batch_id,
            batches.c.mailing_id,
            submissions.c.size,
            submissions.c.decision,
            submissions.c.decided_at,
        )
        .join(batches, batches.c.id == submissions.c.batch_id)
        .where(
            submissions.c.key.in_(keys),
            submissions.c.decision.in_(_DENIED),
            submissions.c.contradicted_at.is_(None),
        )
    ).all()
    new = []
    for one in (Contradiction(*row) for row in found):
        noted = update(submissions).where(
            submissions.c.id == one.submission_id, submissions.c.contradicted_at.is_(None)
        )
        if changed(connection, noted.values(contradicted_at=DatabaseNow())):
            changed(connection, update(batches).where(batches.c.id == one.batch_id).values(swept=batches.c.swept))
            new.append(one)
    return new


def tell_denied(connection: Connection, found: Sequence[Contradiction]) -> None:
    """Say so on their mailings, as things stand after the batches were moved."""
    for one in found:
        status = connection.execute(select(batches.c.status).where(batches.c.id == one.batch_id)).scalar_one()
        again = _called_again(connection, one)
        if again:
            now = f"It was sent again since (submission {again}): its readers have it twice, or will"
        elif status == BatchStatus.SUBMITTED:
            now = "It counts as submitted now and is not sent again"
        else:
            now = f"It is {status} now"
        _tell(
            connection,
            one.mailing_id,
            f"SendGrid took batch {one.batch_id} ({one.size:,} readers, submission {one.submission_id}), although an "
            f"operator decided on {one.decided_at:%Y-%m-%d %H:%M} UTC that it had not gone out. {now}",
        )


def contradict_by_answer(connection: Connection, submission_id: int) -> bool:
    """After the late answer of a call that an operator held for taken: where nothing was taken, say so. True if so."""
    noted = (
        update(submissions)
        .where(
            submissions.c.id == submission_id,
            submissions.c.decision == Verdict.SUBMITTED.value,
            submissions.c.contradicted_at.is_(None),
        )
        .values(contradicted_at=DatabaseNow())
        .returning(
            submissions.c.batch_id,
            submissions.c.size,
            submissions.c.decided_at,
            submissions.c.answer,
            submissions.c.detail,
        )
    )
    row = connection.execute(noted).one_or_none()
    if row is None:
        return False
    mailing_id = connection.execute(select(batches.c.mailing_id).where(batches.c.id == row.batch_id)).scalar_one()
    _tell(
        connection,
        mailing_id,
        f"batch {row.batch_id} ({row.size:,} readers) did not go out (submission {submission_id}: {row.answer}, "
        f"{row.detail or 'no reason given'}), although an operator decided on {row.decided_at:%Y-%m-%d %H:%M} UTC that "
        f"it had. `broadsheet reconcile {mailing_id}` sends it again",
    )
    return True


def proven_before(connection: Connection, batch_id: int) -> list[str]:
    """Keys of a batch's earlier submissions that an operator held for not taken, and which were."""
    query = select(submissions.c.key).where(
        submissions.c.batch_id == batch_id,
        submissions.c.decision.in_(_DENIED),
        submissions.c.contradicted_at.is_not(None),
    )
    return list(connection.execute(query).scalars())


def _called_again(connection: Connection, one: Contradiction) -> int | None:
    """The newest later submission of the batch, or of a child made of it, that may have reached somebody."""
    reached = or_(submissions.c.answer.is_(None), submissions.c.answer.in_(("accepted", "validated", "unknown")))
    family = select(batches.c.id).where(
        batches.c.mailing_id == one.mailing_id, or_(batches.c.id == one.batch_id, batches.c.parent_id == one.batch_id)
    )
    later = select(func.max(submissions.c.id)).where(
        submissions.c.batch_id.in_(family), submissions.c.id > one.submission_id, reached
    )
    found: int | None = connection.execute(later).scalar_one()
    return found


def _tell(connection: Connection, mailing_id: int, reason: str) -> None:
    """What needed attention before is kept behind it."""
    before = connection.execute(select(mailings.c.needs_attention).where(mailings.c.id == mailing_id)).scalar_one()
    need_attention(connection, mailing_id, f"{reason}. Before that: {before}" if before else reason)
