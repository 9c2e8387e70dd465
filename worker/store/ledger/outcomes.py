"""Outcomes: what became of a delivery at the reader's provider. Any order of events ends in the same outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Integer, bindparam, case, exists, or_, update

from worker.domain.delivery import OUTCOME_ORDER, Outcome
from worker.store.engine import Connection
from worker.store.instants import Instant
from worker.store.tables import deliveries, submissions

_rank = case({outcome.value: rank for rank, outcome in enumerate(OUTCOME_ORDER)}, value=deliveries.c.outcome, else_=-1)

_record = (
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("delivery"),
        exists().where(submissions.c.key == bindparam("submission"), submissions.c.batch_id == deliveries.c.batch_id),
        or_(deliveries.c.outcome.is_(None), _rank < bindparam("rank", type_=Integer)),
    )
    .values(outcome=bindparam("new_outcome"), outcome_at=bindparam("at", type_=Instant()))
)


def record_outcomes(connection: Connection, outcomes: Sequence[tuple[int, str, Outcome, datetime]]) -> None:
    """Record (delivery id, submission key, outcome, its time) rows.

    Ignored: a delivery that was not part of that submission, and an outcome that stands before the one recorded.
    """
    rows = [
        {
            "delivery": delivery,
            "submission": key,
            "rank": OUTCOME_ORDER.index(outcome),
            "new_outcome": outcome.value,
            "at": at,
        }
        for delivery, key, outcome, at in outcomes
    ]
    if rows:
        connection.execute(_record, rows)
