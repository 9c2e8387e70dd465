"""Refusals that come again and again: each names another row of the same batch, and none of them may be to blame.

Every such answer refuses a row, so it would end by itself, with everybody refused. After twenty the batch is set aside
instead: the rest of it is owed still, and a person decides. Other batches go on.
"""

from __future__ import annotations

from sqlalchemy import func, select

from worker.domain.delivery import StartedBatch
from worker.store.engine import Connection
from worker.store.ledger.set_aside import put_aside
from worker.store.tables import submissions

REFUSALS_LIMIT = 20  # answers that name rows of one batch


def set_aside_if_refused_often(connection: Connection, started: StartedBatch, reason: str) -> bool:
    """After a refusal was settled: set the batch aside where it was one too many. True if so."""
    counted = select(func.count()).select_from(submissions)
    counted = counted.where(submissions.c.batch_id == started.batch.id, submissions.c.answer == "refused")
    if connection.execute(counted).scalar_one() < REFUSALS_LIMIT:
        return False
    why = f"SendGrid refused rows of it {REFUSALS_LIMIT} times, the last: {reason}"
    return put_aside(connection, started.batch.id, why)
