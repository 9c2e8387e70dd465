"""Counting: the states of a mailing's deliveries, which add up to its audience at every moment."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, case, func, literal, select

from worker.domain.delivery import BatchStatus, Counts, DeliveryState
from worker.domain.subscriber import Plan
from worker.store.engine import Connection
from worker.store.tables import batches, deliveries, editions, exclusions, mailings

#: A delivery's state: its own where it was skipped or refused alone, else its batch's.
STATE: ColumnElement[str] = case(
    (deliveries.c.skipped_reason.is_not(None), literal(DeliveryState.SKIPPED.value, Text)),
    (deliveries.c.refused_reason.is_not(None), literal(DeliveryState.REFUSED.value, Text)),
    else_=batches.c.status,
)


def count_deliveries(connection: Connection, mailing_id: int) -> dict[Plan, Counts]:
    """Counts per edition of a mailing. A state that is none of the eight is a bug and raises ValueError."""
    query = (
        select(editions.c.plan, STATE, deliveries.c.skipped_reason, func.count())
        .select_from(deliveries)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(editions, editions.c.id == deliveries.c.edition_id)
        .where(deliveries.c.mailing_id == mailing_id)
        .group_by(editions.c.plan, STATE, deliveries.c.skipped_reason)
    )
    found: dict[Plan, Counts] = {}
    for plan, state, reason, number in connection.execute(query):
        counts = found.setdefault(Plan(plan), Counts(0, dict.fromkeys(DeliveryState, 0), {}))
        counts.by_state[DeliveryState(state)] += number
        if reason:
            counts.skipped[reason] = counts.skipped.get(reason, 0) + number
        found[Plan(plan)] = Counts(counts.audience + number, counts.by_state, counts.skipped)
    return found


def total(parts: dict[Plan, Counts], audience: int) -> Counts:
    """All editions of a mailing together, beside the audience frozen at planning."""
    by_state = dict.fromkeys(DeliveryState, 0)
    skipped: dict[str, int] = {}
    for counts in parts.values():
        for state, number in counts.by_state.items():
            by_state[state] += number
        for reason, number in counts.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + number
    return Counts(audience, by_state, skipped)


def count_exclusions(connection: Connection, mailing_id: int) -> dict[str, int]:
    """Exclusions of a mailing by reason."""
    query = (
        select(exclusions.c.reason, func.count())
        .where(exclusions.c.mailing_id == mailing_id)
        .group_by(exclusions.c.reason)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def count_batches(connection: Connection, mailing_id: int) -> dict[BatchStatus, int]:
    """Batches of a mailing by status."""
    query = select(batches.c.status, func.count()).where(batches.c.mailing_id == mailing_id).group_by(batches.c.status)
    return {BatchStatus(status): number for status, number in connection.execute(query)}


def broken_promises(connection: Connection) -> list[dict[str, Any]]:
    """Mailings whose states do not add up to their audience (invariant 1): always empty, or there is a bug."""
    query = (
        select(mailings.c.id, mailings.c.audience, func.count(deliveries.c.id).label("found"))
        .outerjoin(deliveries, deliveries.c.mailing_id == mailings.c.id)
        .where(mailings.c.planned_at.is_not(None))
        .group_by(mailings.c.id, mailings.c.audience)
        .having(func.count(deliveries.c.id) != mailings.c.audience)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def count_outcomes(connection: Connection, mailing_id: int) -> int:
    """Deliveries of a mailing whose outcome has come back."""
    query = select(func.count()).where(deliveries.c.mailing_id == mailing_id, deliveries.c.outcome.is_not(None))
    return int(connection.execute(query).scalar_one())
