"""Settling: an answer is written on its submission and moves its batch, in one transaction.

Only the holder of the batch's token moves it, from `submitting`, or from `uncertain` where the sweep was faster.
Whoever lost the batch still leaves the answer on the submission: it is evidence (worker/store/ledger/evidence.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, or_, update

from worker.domain.delivery import BatchStatus, StartedBatch
from worker.store.engine import Connection
from worker.store.ledger.contradiction import contradict_by_answer, proven_before
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import batches, deliveries, submissions

_answered = (
    update(submissions)
    .where(submissions.c.id == bindparam("submission"))
    .values(
        answer=bindparam("new_answer"),
        answered_at=bindparam("at"),
        message_id=bindparam("new_message_id"),
        status_code=bindparam("new_status_code"),
        detail=bindparam("new_detail"),
    )
)

_accepted = (
    update(batches)
    .where(
        batches.c.id == bindparam("batch"),
        batches.c.status.in_((BatchStatus.SUBMITTING.value, BatchStatus.UNCERTAIN.value)),
        batches.c.claim_token == bindparam("token"),
        batches.c.generation == bindparam("generation_now"),
    )
    .values(status=BatchStatus.SUBMITTED.value, claim_token=None, lease_until=None, problem=None)
)


def settle_accepted(
    connection: Connection, started: StartedBatch, now: datetime, *, message_id: str = "", validated: bool = False
) -> bool:
    """202 (or 200 in sandbox mode): the batch is submitted, even if the sweep or an operator had moved it meanwhile."""
    write_answer(
        connection,
        started,
        "validated" if validated else "accepted",
        now,
        message_id=message_id,
        status_code=200 if validated else 202,
    )
    owned = {"batch": started.batch.id, "token": started.batch.token, "generation_now": started.batch.generation}
    if changed(connection, _accepted, owned) == 1:
        log_move(
            "batch", started.batch.id, BatchStatus.SUBMITTING, BatchStatus.SUBMITTED, submission=started.submission_id
        )
        return True
    return bool(accept_on_evidence(connection, [started.submission_key]))


def settle_pending(
    connection: Connection,
    started: StartedBatch,
    answer: str,
    now: datetime,
    *,
    not_before: datetime | None,
    problem: str,
    status_code: int | None = None,
) -> bool:
    """Nothing was taken (429, or the body provably never left whole): the batch is pending again, from `not_before` on."""
    write_answer(connection, started, answer, now, detail=problem, status_code=status_code)
    return _move(connection, started, BatchStatus.PENDING, problem, not_before=not_before)


def settle_refused_rows(
    connection: Connection,
    started: StartedBatch,
    rows: Mapping[int, str],
    now: datetime,
    *,
    problem: str,
    status_code: int,
) -> bool:
    """A 400 that named rows: those are refused, the rest is pending again; with nobody left the batch is refused.

    `rows` maps delivery ids to reasons. Every repetition removes a row, so it ends.
    """
    write_answer(connection, started, "refused", now, detail=problem, status_code=status_code)
    if not _move(connection, started, BatchStatus.PENDING, problem):
        return False
    refuse_deliveries(connection, started.batch.id, rows)
    left = exists().where(
        deliveries.c.batch_id == started.batch.id,
        deliveries.c.skipped_reason.is_(None),
        deliveries.c.refused_reason.is_(None),
    )
    changed(
        connection,
        update(batches)
        .where(batches.c.id == started.batch.id, batches.c.status == BatchStatus.PENDING, ~left)
        .values(status=BatchStatus.REFUSED),
    )
    return True


def settle_refused(
    connection: Connection, started: StartedBatch, now: datetime, *, problem: str, status_code: int
) -> bool:
    """One row left and still a 4xx: the batch is refused."""
    write_answer(connection, started, "refused", now, detail=problem, status_code=status_code)
    return _move(connection, started, BatchStatus.REFUSED, problem)


def settle_uncertain(
    connection: Connection, started: StartedBatch, now: datetime, *, problem: str, status_code: int | None
) -> bool:
    """The body left and no usable answer came: nobody knows. The token stays, for a late answer of its holder."""
    write_answer(connection, started, "unknown", now, detail=problem, status_code=status_code)
    done = changed(
        connection,
        update(batches)
        .where(_owned(started, BatchStatus.SUBMITTING))
        .values(status=BatchStatus.UNCERTAIN, lease_until=None, problem=problem),
    )
    if done:
        log_move(
            "batch", started.batch.id, BatchStatus.SUBMITTING, BatchStatus.UNCERTAIN, submission=started.submission_id
        )
    return done == 1


def settle_empty(connection: Connection, started: StartedBatch, now: datetime) -> bool:
    """Nobody was left to call for: the submission never happened, and every row is skipped."""
    write_answer(connection, started, "not_sent", now)
    return _move(connection, started, BatchStatus.EMPTY, "")


def hold_back(connection: Connection, mailing_id: int, not_before: datetime) -> None:
    """Keep every batch of a mailing back until `not_before` (a rate limit is the account's, not the batch's).

    A claimed one too: it is ready to be called for, and is pending again once its holder hears of the wait.
    """
    changed(
        connection,
        update(batches)
        .where(
            batches.c.mailing_id == mailing_id,
            batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED)),
            or_(batches.c.not_before.is_(None), batches.c.not_before < not_before),
        )
        .values(not_before=not_before),
    )


def refuse_deliveries(connection: Connection, batch_id: int, rows: Mapping[int, str]) -> None:
    """Refuse single deliveries of a batch, each with the provider's reason."""
    for delivery_id, reason in rows.items():
        changed(
            connection,
            update(deliveries)
            .where(deliveries.c.id == delivery_id, deliveries.c.batch_id == batch_id)
            .values(refused_reason=reason),
        )


def write_answer(
    connection: Connection,
    started: StartedBatch,
    answer: str,
    now: datetime,
    *,
    message_id: str | None = None,
    status_code: int | None = None,
    detail: str | None = None,
) -> None:
    """Write what came back on the submission's row, whoever owns the batch by now."""
    changed(
        connection,
        _answered,
        {
            "submission": started.submission_id,
            "new_answer": answer,
            "at": now,
            "new_message_id": message_id,
            "new_status_code": status_code,
            "new_detail": detail,
        },
    )


def _move(
    connection: Connection,
    started: StartedBatch,
    target: BatchStatus,
    problem: str,
    *,
    not_before: datetime | None = None,
) -> bool:
    done = changed(
        connection,
        update(batches)
        .where(_owned(started, BatchStatus.SUBMITTING, BatchStatus.UNCERTAIN))
        .values(status=target, claim_token=None, lease_until=None, not_before=not_before, problem=problem),
    )
    if done:
        log_move("batch", started.batch.id, BatchStatus.SUBMITTING, target, submission=started.submission_id)
        if target is BatchStatus.PENDING and (proven := proven_before(connection, started.batch.id)):
            accept_on_evidence(connection, proven)  # an event had come while this call was on its way
    else:
        contradict_by_answer(connection, started.submission_id)
    return done == 1


def _owned(started: StartedBatch, *statuses: BatchStatus) -> Any:
    return (
        (batches.c.id == started.batch.id)
        & batches.c.status.in_(statuses)
        & (batches.c.claim_token == started.batch.token)
        & (batches.c.generation == started.batch.generation)
    )
