"""Who got it, who did not, and why: one row per candidate of a mailing, streamed.

Memory stays flat: rows come from the database page by page, along the index of a mailing's subscribers, and what is known
of their batches is read once for each page (proofs.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select

from worker.domain.delivery import DeliveryState, Outcome
from worker.store.engine import Connection
from worker.store.ledger.counts import STATE
from worker.store.ledger.proofs import NO_PROOF, Proofs, read_proofs
from worker.store.tables import batches, deliveries, editions, exclusions, subscribers

EXCLUDED = "excluded"  # beside the eight states of a delivery: a candidate the plan left out
UNHEARD = "none"  # beside the outcomes: nothing has come back
PAGE_ROWS = 2_000
_IDS = 500  # in one query


class Candidate(NamedTuple):
    """One candidate. `state` is a delivery's state, or `excluded`; `reason` says why somebody was not mailed.

    The submission is the one that counts: of somebody submitted the one that was taken, else the newest. `called_at` is
    when its call began, `submitted_at` when it was answered, of somebody submitted alone. `evidence` says how it is known
    to have been taken: `202` (`200` in sandbox mode), the type of an event, `operator`, or `none`.
    """

    address: str
    plan: str
    revision: int | None  # of the edition
    state: str
    reason: str
    delivery_id: int | None
    batch_id: int | None
    attempts: int  # calls for the batch
    called_at: datetime | None
    submitted_at: datetime | None
    submission_id: int | None
    submission_key: str
    message_id: str
    outcome: str
    outcome_at: datetime | None
    evidence: str


def stream_candidates(
    connection: Connection,
    mailing_id: int,
    states: frozenset[str] = frozenset(),
    outcomes: frozenset[str] = frozenset(),
) -> Iterator[Candidate]:
    """Every candidate of a mailing (or those in one of `states` and with one of `outcomes`), deliveries first."""
    if not states or states - {EXCLUDED}:
        query = _deliveries(mailing_id)
        if states:
            query = query.where(STATE.in_(states - {EXCLUDED}))
        if outcomes:
            query = query.where(func.coalesce(deliveries.c.outcome, UNHEARD).in_(outcomes))
        yield from _rows(connection, query.order_by(deliveries.c.subscriber_id))
    if not outcomes and (not states or EXCLUDED in states):
        yield from _excluded(connection, _exclusions(mailing_id))


def find_candidate(connection: Connection, mailing_id: int, key: str) -> Candidate | None:
    """The candidate with this address key, as it was when it was mailed or as it is now; None where there is none."""
    person = select(subscribers.c.id).where(subscribers.c.address_key == key)
    conditions: list[ColumnElement[bool]] = [
        deliveries.c.address_key == key,
        deliveries.c.subscriber_id == person.scalar_subquery(),
    ]
    for condition in conditions:
        if found := next(_rows(connection, _deliveries(mailing_id).where(condition)), None):
            return found
    query = _exclusions(mailing_id).where(exclusions.c.subscriber_id == person.scalar_subquery())
    return next(_excluded(connection, query), None)


def read_candidates(connection: Connection, delivery_ids: Sequence[int]) -> Iterator[Candidate]:
    """The candidates with these deliveries, of whatever mailings."""
    for start in range(0, len(delivery_ids), _IDS):
        yield from _rows(connection, _any_deliveries().where(deliveries.c.id.in_(delivery_ids[start : start + _IDS])))


def known_states() -> list[str]:
    """What `states` may hold."""
    return sorted([*(one.value for one in DeliveryState), EXCLUDED])


def known_outcomes() -> list[str]:
    """What `outcomes` may hold."""
    return sorted([*(one.value for one in Outcome), UNHEARD])


def _deliveries(mailing_id: int) -> Select[Any]:
    return _any_deliveries().where(deliveries.c.mailing_id == mailing_id)


def _any_deliveries() -> Select[Any]:
    return (
        select(
            func.coalesce(deliveries.c.address, subscribers.c.address, "").label("address"),
            editions.c.plan,
            editions.c.revision,
            STATE.label("state"),
            deliveries.c.skipped_reason,
            deliveries.c.refused_reason,
            func.coalesce(batches.c.set_aside, batches.c.problem, "").label("problem"),
            deliveries.c.id,
            deliveries.c.batch_id,
            batches.c.attempts,
            deliveries.c.outcome,
            deliveries.c.outcome_at,
        )
        .select_from(deliveries)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(editions, editions.c.id == deliveries.c.edition_id)
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
    )


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Candidate]:
    proofs: dict[int, Proofs] = {}
    for page in connection.execution_options(yield_per=PAGE_ROWS).execute(query).partitions():
        wanted = {row.batch_id for row in page}
        kept = {batch: proofs[batch] for batch in wanted & proofs.keys()}  # of the page before, and no other
        proofs = kept | read_proofs(connection, wanted - kept.keys())
        for row in page:
            yield _candidate(row, proofs[row.batch_id])


def _candidate(row: Any, proofs: Proofs) -> Candidate:
    (address, plan, revision, state, skipped, refused, problem, delivery, batch, attempts, outcome, outcome_at) = row
    if skipped is not None:
        proof = NO_PROOF
    elif refused is not None:
        proof = proofs.refusal
    else:
        proof = proofs.submitted if state == "submitted" else proofs.newest
    return Candidate(
        address,
        plan,
        revision,
        state,
        skipped or refused or problem,
        delivery,
        batch,
        attempts,
        proof.called_at,
        proof.submitted_at,
        proof.submission_id,
        proof.key,
        proof.message_id,
        outcome or "",
        outcome_at,
        proof.evidence,
    )


def _exclusions(mailing_id: int) -> Select[Any]:
    return (
        select(subscribers.c.address, subscribers.c.plan, exclusions.c.reason)
        .join(subscribers, subscribers.c.id == exclusions.c.subscriber_id)
        .where(exclusions.c.mailing_id == mailing_id)
        .order_by(exclusions.c.subscriber_id)
    )


def _excluded(connection: Connection, query: Select[Any]) -> Iterator[Candidate]:
    for address, plan, reason in connection.execution_options(yield_per=PAGE_ROWS).execute(query):
        yield Candidate(
            address, plan, None, EXCLUDED, reason, None, None, 0, None, None, None, "", "", "", None, NO_PROOF.evidence
        )
