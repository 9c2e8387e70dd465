"""Who got it, who did not, and why: one row per candidate of a mailing, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, cast, func, null, select

from worker.store.engine import Connection
from worker.store.instants import Instant
from worker.store.ledger.counts import STATE
from worker.store.tables import batches, deliveries, editions, exclusions, submissions, subscribers

EXCLUDED = "excluded"  # beside the eight states of a delivery: a candidate the plan left out


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate. `state` is a delivery's state, or `excluded`; `reason` says why somebody was not mailed."""

    address: str
    plan: str
    state: str
    reason: str
    delivery_id: int | None
    batch_id: int | None
    submission_id: int | None
    submitted_at: datetime | None
    message_id: str
    outcome: str
    outcome_at: datetime | None


def stream_candidates(
    connection: Connection, mailing_id: int, states: frozenset[str] = frozenset()
) -> Iterator[Candidate]:
    """Every candidate of a mailing (or those in one of `states`), deliveries first, at a flat cost in memory."""
    if not states or states - {EXCLUDED}:
        yield from _deliveries(connection, mailing_id, states - {EXCLUDED})
    if not states or EXCLUDED in states:
        yield from _exclusions(connection, mailing_id)


def _deliveries(connection: Connection, mailing_id: int, states: frozenset[str]) -> Iterator[Candidate]:
    one = submissions.alias("one")
    last = select(func.max(one.c.id)).where(one.c.batch_id == batches.c.id).scalar_subquery()
    query = (
        select(
            func.coalesce(deliveries.c.address, subscribers.c.address, ""),
            editions.c.plan,
            STATE,
            func.coalesce(deliveries.c.skipped_reason, deliveries.c.refused_reason, batches.c.problem, ""),
            deliveries.c.id,
            deliveries.c.batch_id,
            submissions.c.id,
            submissions.c.answered_at,
            func.coalesce(submissions.c.message_id, ""),
            func.coalesce(deliveries.c.outcome, ""),
            deliveries.c.outcome_at,
        )
        .select_from(deliveries)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(editions, editions.c.id == deliveries.c.edition_id)
        .outerjoin(subscribers, subscribers.c.id == deliveries.c.subscriber_id)
        .outerjoin(submissions, submissions.c.id == last)
        .where(deliveries.c.mailing_id == mailing_id)
        .order_by(deliveries.c.id)
    )
    if states:
        query = query.where(STATE.in_(states))
    for row in connection.execution_options(yield_per=2_000).execute(query):
        yield Candidate(*row)


def _exclusions(connection: Connection, mailing_id: int) -> Iterator[Candidate]:
    nothing = cast(null(), Text)
    query = (
        select(subscribers.c.address, subscribers.c.plan, exclusions.c.reason, nothing, cast(null(), Instant()))
        .join(subscribers, subscribers.c.id == exclusions.c.subscriber_id)
        .where(exclusions.c.mailing_id == mailing_id)
        .order_by(subscribers.c.id)
    )
    for row in connection.execution_options(yield_per=2_000).execute(query):
        yield Candidate(row[0], row[1], EXCLUDED, row[2], None, None, None, None, "", "", None)
