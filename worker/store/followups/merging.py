"""Merging and erasing: what becomes of enrollments whose reader's record ends.

Of two enrollments in one run, by one occurrence, the earlier goes on, and what the other was sent counts for it: nobody gets
a step twice because they had two records.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from worker.domain.due_step import MERGED
from worker.store.engine import Connection
from worker.store.followups.due import IS_DUE
from worker.store.followups.leaving import leave
from worker.store.ledger.moves import changed
from worker.store.tables import addressees, due_steps, enrollments, mailings, triggers

_ERASED = "erased"


def merge_enrollments(connection: Connection, from_id: int, into_id: int, now: datetime) -> list[tuple[int, int]]:
    """Give one record's enrollments, and what waits to enroll it, to another of the same person.

    Returns the pairs of mailings that are one step of one run for both: of each pair one may go (ledger/merge.py).
    """
    pairs: list[tuple[int, int]] = []
    connection.execute(update(triggers).where(triggers.c.subscriber_id == from_id).values(subscriber_id=into_id))
    theirs, own = _of(connection, from_id), _of(connection, into_id)
    for place, ends in theirs.items():
        stays = own.get(place)
        if stays is None:
            _give(connection, ends.id, into_id)
            continue
        first, other = sorted((ends, stays), key=lambda row: (row.triggered_at, row.id))
        _end(connection, other.id, now)
        pairs += _count_for(connection, other.id, first.id, now)
        if first is ends:
            _give(connection, other.id, -other.id)  # a run knows each reader once
            _give(connection, first.id, into_id)
            _give(connection, other.id, from_id)
    _address(connection, from_id, into_id, pairs)
    return pairs


def forget_enrollments(connection: Connection, subscriber_ids: Collection[int], now: datetime) -> int:
    """These readers leave every sequence, and nothing enrolls them any more; returns how many triggers were forgotten."""
    ids = sorted(subscriber_ids)
    leave(
        connection,
        select(enrollments.c.id).where(enrollments.c.subscriber_id.in_(ids), enrollments.c.status == "active"),
        _ERASED,
        now,
    )
    return changed(connection, delete(triggers).where(triggers.c.subscriber_id.in_(ids)))


def _of(connection: Connection, subscriber_id: int) -> dict[tuple[int, str], Row[Any]]:
    query = select(enrollments).where(enrollments.c.subscriber_id == subscriber_id).order_by(enrollments.c.id)
    return {(row.run_id, row.occurrence): row for row in connection.execute(query)}


def _give(connection: Connection, enrollment_id: int, subscriber_id: int) -> None:
    connection.execute(update(enrollments).where(enrollments.c.id == enrollment_id).values(subscriber_id=subscriber_id))
    connection.execute(
        update(due_steps).where(due_steps.c.enrollment_id == enrollment_id).values(subscriber_id=subscriber_id)
    )


def _end(connection: Connection, enrollment_id: int, now: datetime) -> None:
    leave(connection, select(enrollments.c.id).where(enrollments.c.id == enrollment_id), MERGED, now)


def _count_for(connection: Connection, other_id: int, first_id: int, now: datetime) -> list[tuple[int, int]]:
    """Steps the other was sent are sent: on the one that goes on they are skipped, now or when their turn comes.

    Returns (its mailing, the other's) of those that both were sent.
    """
    rows = {row.step_id: row for row in _steps_of(connection, first_id)}
    pairs = []
    for sent in (row for row in _steps_of(connection, other_id) if row.state == "planned"):
        known = rows.get(sent.step_id)
        if known is None:
            values = dict(sent._mapping) | {"enrollment_id": first_id, "state": "skipped", "reason": MERGED}
            connection.execute(insert(due_steps).values(values | {"mailing_id": None, "decided_at": now}))
        elif known.state == "due":  # it is decided at once, and the next one follows
            connection.execute(
                update(due_steps)
                .where(IS_DUE, due_steps.c.enrollment_id == first_id, due_steps.c.step_id == sent.step_id)
                .values(reason=MERGED, due_at=now)
            )
        elif known.state == "planned" and known.mailing_id != sent.mailing_id:
            pairs.append((known.mailing_id, sent.mailing_id))
    return pairs


def _steps_of(connection: Connection, enrollment_id: int) -> Sequence[Row[Any]]:
    return connection.execute(select(due_steps).where(due_steps.c.enrollment_id == enrollment_id)).all()


def _address(connection: Connection, from_id: int, into_id: int, pairs: Collection[tuple[int, int]]) -> None:
    """Mailings of steps that are not planned yet go to the record that goes on, and of a pair one of the two."""
    unplanned = (
        select(mailings.c.id)
        .join(due_steps, due_steps.c.mailing_id == mailings.c.id)
        .where(mailings.c.planned_at.is_(None), due_steps.c.subscriber_id.in_((from_id, into_id)))
    )
    open_ones = set(connection.execute(unplanned).scalars())
    twice = {other for _one, other in pairs}
    for mailing_id in sorted(open_ones):
        to, others = (from_id, into_id) if mailing_id in twice else (into_id, from_id)
        connection.execute(
            update(addressees)
            .where(addressees.c.mailing_id == mailing_id, addressees.c.subscriber_id == others)
            .values(subscriber_id=to)
        )
