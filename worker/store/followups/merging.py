"""Merging and erasing: what becomes of enrollments whose reader's record ends.

Of two enrollments in one run, by one occurrence, the earlier goes on, and what the other was sent counts for it: nobody gets
a step twice because they had two records, and nobody loses one by a copy that goes nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, and_, delete, exists, insert, or_, select, update

from worker.domain.delivery import SkipReason
from worker.domain.due_step import MERGED
from worker.store.engine import Connection
from worker.store.followups.due import IS_DUE, IS_PLANNED
from worker.store.followups.leaving import leave
from worker.store.ledger.erase import wait_for_planning
from worker.store.ledger.merge import progress
from worker.store.ledger.moves import changed
from worker.store.tables import addressees, deliveries, due_steps, enrollments, mailings, triggers

_ERASED = "erased"
#: Why an enrollment stopped that is no word of its reader's, only something about that record: the other one may go on.
_OF_THE_RECORD = frozenset(
    {SkipReason.BOUNCED, SkipReason.INVALID, SkipReason.UNCONFIRMED, SkipReason.ERASED, SkipReason.MERGED}
)
_Copies = Mapping[tuple[int, str], "_Copy"]  # (enrollment, step) -> what brings it


def merge_enrollments(connection: Connection, from_id: int, into_id: int, now: datetime) -> set[int]:
    """Give one record's enrollments, and what waits to enroll it, to another of the same person.

    Returns the mailings that are not to go to them any more: another one is the same step of the same run, and counts
    (`merge_steps` in ledger/merge.py).
    """
    wait_for_planning(connection)  # what is planned, and what is not, stays so until it is decided who gets it
    connection.execute(update(triggers).where(triggers.c.subscriber_id == from_id).values(subscriber_id=into_id))
    theirs, own = _of(connection, from_id), _of(connection, into_id)
    shared = [row.id for place in theirs.keys() & own.keys() for row in (theirs[place], own[place])]
    copies: dict[tuple[int, str], _Copy] = {}
    for one in (from_id, into_id):
        copies |= _copies_of(connection, one, shared)
    behind: set[int] = set()
    for place, ends in theirs.items():
        stays = own.get(place)
        if stays is None:
            _give(connection, ends.id, into_id)
            continue
        first, other = sorted((ends, stays), key=_goes_on)
        behind |= _count_for(connection, other.id, first.id, into_id, copies, now)
        _end(connection, other.id, now)
        if first is ends:
            _give(connection, other.id, -other.id)  # a run knows each reader once
            _give(connection, first.id, into_id)
            _give(connection, other.id, from_id)
    behind -= _mailings_of(connection, into_id)  # one mailing may be several of their steps
    _address(connection, from_id, into_id, behind)
    return behind


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


def _goes_on(row: Row[Any]) -> tuple[bool, datetime, int]:
    """Of two enrollments the lesser goes on: the earlier, unless it stopped for something that does not concern the other."""
    return row.status == "stopped" and row.reason in _OF_THE_RECORD, row.triggered_at, row.id


def _count_for(
    connection: Connection, other_id: int, first_id: int, into_id: int, copies: _Copies, now: datetime
) -> set[int]:
    """Steps the other was sent are sent: the one that goes on names of each step the copy that is further on its way.

    Returns the mailings of the copies that do not count.
    """
    known, behind = _steps_of(connection, first_id), set[int]()
    for step_id, sent in _steps_of(connection, other_id).items():
        own = known.get(step_id)
        copy, kept = copies.get((other_id, step_id)), copies.get((first_id, step_id))
        if copy is None or (kept is not None and kept.mailing_id == copy.mailing_id):
            continue
        if own is None:
            whose = {"enrollment_id": first_id, "step_id": step_id, "run_id": sent.run_id, "subscriber_id": into_id}
            connection.execute(insert(due_steps).values(_decision(sent, now) | whose))
            _write(connection, other_id, step_id, {"state": "skipped", "reason": MERGED, "mailing_id": None})
        elif own.state == "due" and kept is None:  # it is decided at once, and the next one follows
            _write(connection, first_id, step_id, {"reason": MERGED, "due_at": now}, IS_DUE)
        elif kept is None or copy.rank > kept.rank:
            behind |= {kept.mailing_id} if kept else set()
            if own.state != "due":
                _write(connection, first_id, step_id, _decision(sent, now))
                _write(connection, other_id, step_id, _decision(own, now))
        else:
            behind.add(copy.mailing_id)
    return behind


class _Copy(NamedTuple):
    """What brings a step to its reader, and how far it is on its way."""

    mailing_id: int
    rank: int


def _copies_of(connection: Connection, one: int, enrollment_ids: Collection[int]) -> dict[tuple[int, str], _Copy]:
    """By enrollment and step, what brings somebody their steps; of those that nothing brings them, nothing.

    A step that another record of theirs had is brought by a mailing that goes to them, whichever record named it.
    """
    rows = connection.execute(
        select(due_steps).where(due_steps.c.enrollment_id.in_(enrollment_ids), due_steps.c.subscriber_id == one)
    ).all()
    named = {(row.enrollment_id, row.step_id): {row.mailing_id} for row in rows if row.state == "planned"}
    if merged := [row for row in rows if row.reason == MERGED]:
        others = _mailings_of(connection, one)
        for row in merged:
            named[row.enrollment_id, row.step_id] = _to(connection, one, row.run_id, row.step_id) - others
    ranks = progress(connection, one, {mailing_id for ids in named.values() for mailing_id in ids})
    best = {place: max(((ranks[each], each) for each in ids), default=(0, 0)) for place, ids in named.items()}
    return {place: _Copy(mailing_id, rank) for place, (rank, mailing_id) in best.items() if rank}


def _to(connection: Connection, one: int, run_id: int, step_id: str) -> set[int]:
    """The mailings of a step that go, or went, to somebody."""
    planned = exists().where(deliveries.c.mailing_id == mailings.c.id, deliveries.c.subscriber_id == one)
    named = exists().where(addressees.c.mailing_id == mailings.c.id, addressees.c.subscriber_id == one)
    query = select(mailings.c.id).where(
        mailings.c.run_id == run_id,
        mailings.c.step_id == step_id,
        or_(planned, and_(mailings.c.planned_at.is_(None), named)),
    )
    return set(connection.execute(query).scalars())


def _decision(row: Row[Any], now: datetime) -> dict[str, Any]:
    """What became of a step, without whose it is. One that is about to be decided, for another record had it, is."""
    whose = ("enrollment_id", "step_id", "run_id", "subscriber_id")
    decision = {name: value for name, value in row._mapping.items() if name not in whose}
    return decision | ({"state": "skipped", "decided_at": now} if row.state == "due" else {})


def _write(
    connection: Connection, enrollment_id: int, step_id: str, values: Mapping[str, Any], *still: ColumnElement[bool]
) -> None:
    row = (due_steps.c.enrollment_id == enrollment_id, due_steps.c.step_id == step_id)
    connection.execute(update(due_steps).where(*still, *row).values(values))


def _steps_of(connection: Connection, enrollment_id: int) -> dict[str, Row[Any]]:
    query = select(due_steps).where(due_steps.c.enrollment_id == enrollment_id).order_by(due_steps.c.step_id)
    return {row.step_id: row for row in connection.execute(query)}


def _mailings_of(connection: Connection, subscriber_id: int, enrollment_ids: Collection[int] | None = None) -> set[int]:
    """The mailings of somebody's steps, in these enrollments or in all."""
    query = select(due_steps.c.mailing_id).where(IS_PLANNED, due_steps.c.subscriber_id == subscriber_id)
    if enrollment_ids is not None:
        query = query.where(due_steps.c.enrollment_id.in_(enrollment_ids))
    return {one for one in connection.execute(query).scalars() if one is not None}


def _address(connection: Connection, from_id: int, into_id: int, behind: Collection[int]) -> None:
    """Mailings that are not planned yet go to the record that goes on, those that do not count to the one that ends."""
    unplanned = (
        select(mailings.c.id)
        .join(addressees, addressees.c.mailing_id == mailings.c.id)
        .where(
            mailings.c.planned_at.is_(None),
            mailings.c.run_id.is_not(None),
            addressees.c.subscriber_id.in_((from_id, into_id)),
        )
    )
    for mailing_id in sorted(set(connection.execute(unplanned).scalars())):
        to, others = (from_id, into_id) if mailing_id in behind else (into_id, from_id)
        connection.execute(
            update(addressees)
            .where(addressees.c.mailing_id == mailing_id, addressees.c.subscriber_id == others)
            .values(subscriber_id=to)
        )
