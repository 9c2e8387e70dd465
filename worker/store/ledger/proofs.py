"""Proofs: which submission counts for a batch, and how it is known to have been taken. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from worker.domain.delivery import BatchStatus
from worker.domain.verdict import Verdict
from worker.store.engine import Connection
from worker.store.tables import batches, deliveries, events, submissions

_CHUNK = 500
_TAKEN = {"accepted": "202", "validated": "200"}
OPERATOR = "operator"
NONE = "none"


class Proof(NamedTuple):
    """One submission, as a candidate's row shows it; `submitted_at` only where it counts as taken."""

    submission_id: int | None
    key: str
    called_at: datetime | None
    submitted_at: datetime | None
    message_id: str
    evidence: str


NO_PROOF = Proof(None, "", None, None, "", NONE)


@dataclass(frozen=True, slots=True)
class Proofs:
    """Of one batch: the submission that made it submitted, the newest one, and the newest that was refused."""

    submitted: Proof
    newest: Proof
    refusal: Proof


def read_proofs(connection: Connection, batch_ids: Collection[int]) -> dict[int, Proofs]:
    """The proofs of these batches; only one that nothing but an event or an operator settled costs a query of its own."""
    ids = sorted(batch_ids)
    found: dict[int, list[Row[Any]]] = {one: [] for one in ids}
    status: dict[int, str] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        states = select(batches.c.id, batches.c.status).where(batches.c.id.in_(chunk))
        status.update({row.id: row.status for row in connection.execute(states)})
        query = select(submissions).where(submissions.c.batch_id.in_(chunk)).order_by(submissions.c.id)
        for row in connection.execute(query):
            found[row.batch_id].append(row)
    return {one: _proofs(connection, one, status[one], rows) for one, rows in found.items()}


def carried_by(connection: Connection, batch_id: int) -> list[Row[Any]]:
    """Every submission that carried the rows a batch holds now, its parents' among them, oldest first."""
    found: list[Row[Any]] = []
    limit: int | None = None
    step: int | None = batch_id
    while step is not None:
        query = select(submissions).where(submissions.c.batch_id == step)
        if limit is not None:
            query = query.where(submissions.c.id <= limit)
        found += connection.execute(query).all()
        row = connection.execute(
            select(batches.c.parent_id, batches.c.made_after).where(batches.c.id == step)
        ).one_or_none()
        if row is None or row.made_after is None:
            break
        step, limit = row.parent_id, row.made_after
    return sorted(found, key=lambda one: int(one.id))


def _proofs(connection: Connection, batch_id: int, status: str, rows: Sequence[Row[Any]]) -> Proofs:
    refused = [row for row in rows if row.answer == "refused"]
    newest = _proof(rows[-1]) if rows else NO_PROOF
    taken = NO_PROOF
    if status == BatchStatus.SUBMITTED:
        taken = _taken(rows) or _by_event(connection, batch_id) or _by_operator(rows) or newest
    return Proofs(taken, newest, _proof(refused[-1]) if refused else NO_PROOF)


def _proof(row: Row[Any], evidence: str = NONE) -> Proof:
    submitted_at = None if evidence == NONE else row.answered_at or row.started_at
    return Proof(row.id, row.key, row.started_at, submitted_at, row.message_id or "", evidence)


def _taken(rows: Sequence[Row[Any]]) -> Proof | None:
    taken = [row for row in rows if row.answer in _TAKEN]
    return _proof(taken[-1], _TAKEN[taken[-1].answer]) if taken else None


def _by_event(connection: Connection, batch_id: int) -> Proof | None:
    carriers = {row.key: row for row in carried_by(connection, batch_id)}
    if not carriers:
        return None
    query = (
        select(events.c.submission_key, events.c.type)
        .join(deliveries, deliveries.c.id == events.c.delivery_id)
        .where(deliveries.c.batch_id == batch_id, events.c.submission_key.in_(list(carriers)))
        .order_by(events.c.id)
        .limit(1)
    )
    first = connection.execute(query).one_or_none()
    return None if first is None else _proof(carriers[first.submission_key], first.type)


def _by_operator(rows: Sequence[Row[Any]]) -> Proof | None:
    decided = [row for row in rows if row.decision == Verdict.SUBMITTED]
    return _proof(decided[-1], OPERATOR) if decided else None
