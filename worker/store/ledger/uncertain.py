"""Uncertain answers in a row: who calls on while nobody knows what becomes of the calls only makes more readers uncertain."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from worker.domain.staging import RecallTo
from worker.store.engine import Connection
from worker.store.ledger.mailings import pause_mailing
from worker.store.ledger.recall import begin_recall, due_for_recall
from worker.store.tables import batches, submissions

UNCERTAIN_LIMIT = 3  # uncertain answers in a row that pause a mailing


def pause_if_uncertain(connection: Connection, mailing_ids: Sequence[int], reason: str) -> list[int]:
    """Pause each of these mailings whose last three answers all were unknown; returns those that are to stop.

    `reason` is what the last of them was. A call whose worker disappeared counts like a call that was not answered. A
    staged mailing is taken back instead and handed over again.
    """
    found = [mailing_id for mailing_id in mailing_ids if uncertain_in_a_row(connection, mailing_id)]
    recalling = set(due_for_recall(connection)) if found else set()
    for mailing_id in found:
        if mailing_id in recalling or begin_recall(connection, mailing_id, RecallTo.STAGED):
            continue
        pause_mailing(connection, mailing_id, f"{UNCERTAIN_LIMIT} uncertain answers in a row, the last: {reason}")
    return found


def uncertain_in_a_row(connection: Connection, mailing_id: int, limit: int = UNCERTAIN_LIMIT) -> bool:
    """Whether the last `limit` answered submissions of a mailing all ended unknown."""
    last = (
        select(submissions.c.answer)
        .join(batches, batches.c.id == submissions.c.batch_id)
        .where(
            batches.c.mailing_id == mailing_id,
            submissions.c.generation == batches.c.generation,
            submissions.c.answer.is_not(None),
        )
        .order_by(submissions.c.id.desc())
        .limit(limit)
        .subquery()
    )
    unknown = select(func.count()).select_from(last).where(last.c.answer == "unknown")
    return bool(connection.execute(unknown).scalar_one() == limit)
