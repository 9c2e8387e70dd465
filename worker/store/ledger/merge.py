"""Merging: two records were one person, so in each mailing one delivery at most may still be mailed, and it is the person's.

The one that is furthest on its way counts; the other stays with the record that ends, whose deliveries `start` skips
(`merged`) if they ever come back pending. Batches are held while it is decided, so a start at the same moment is either
seen or finds what was decided.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import Row, select, update

from worker.domain.delivery import BatchStatus, Outcome, SkipReason
from worker.domain.mailing import MailingStatus
from worker.store.engine import Connection
from worker.store.ledger.erase import wait_for_planning
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.owed_to import owned
from worker.store.tables import batches, deliveries, mailings

#: How far on its way a delivery is by its batch; in any other state nothing of it is going anywhere.
_RANKS = {
    BatchStatus.PENDING: 2,
    BatchStatus.CLAIMED: 2,
    BatchStatus.UNCERTAIN: 3,
    BatchStatus.SUBMITTING: 4,
    BatchStatus.SUBMITTED: 5,
}
_UNPLANNED = 1
GONE = _RANKS[BatchStatus.SUBMITTED]
_CALLED = (BatchStatus.SUBMITTING, BatchStatus.SUBMITTED, BatchStatus.UNCERTAIN)
_CAME_TO_NOTHING = (Outcome.BOUNCED, Outcome.BLOCKED, Outcome.DROPPED)
_CHUNK = 500


def merge_deliveries(connection: Connection, from_id: int, into_id: int, stands_for: str) -> int:
    """Give the deliveries of `from_id` to `into_id`; returns how many were skipped because the other one counts.

    `stands_for` is what names the record that ends where a skipped delivery must make room for the address that goes on.
    """
    wait_for_planning(connection)
    theirs = {row.mailing_id: row for row in owned(connection, [from_id], ())}
    own = {row.mailing_id: row for row in owned(connection, [into_id], ())}
    pairs = [(row, own.get(mailing_id)) for mailing_id, row in sorted(theirs.items())]
    places = _places(connection, [row for pair in pairs for row in pair if row is not None])
    skipped = 0
    for ends, stays in pairs:
        if stays is None:
            _give(connection, ends.id, into_id)
            continue
        counts, other = (ends, stays) if places[ends.id].rank > places[stays.id].rank else (stays, ends)
        if counts is ends:
            unmailed = places[stays.id].unmailed
            _swap(connection, ends, stays, from_id, into_id, f"{stands_for}/{stays.id}" if unmailed else None)
        if places[other.id].rank == _RANKS[BatchStatus.PENDING]:
            skipped += _skip(connection, other.id)
    return skipped


def progress(connection: Connection, subscriber_id: int, mailing_ids: Collection[int]) -> dict[int, int]:
    """How far each of these mailings is on its way to somebody, from here on until the end of the transaction: from 1 (it is
    not planned yet) to GONE; 0 where nothing of it goes to them. The caller waits for planning.
    """
    rows = {row.mailing_id: row for row in owned(connection, [subscriber_id], ()) if row.mailing_id in mailing_ids}
    places = _places(connection, rows.values())
    open_ones = select(mailings.c.id).where(
        mailings.c.id.in_(sorted(mailing_ids)),
        mailings.c.planned_at.is_(None),
        mailings.c.status != MailingStatus.CANCELLED,
    )
    found = dict.fromkeys(mailing_ids, 0) | dict.fromkeys(connection.execute(open_ones).scalars(), _UNPLANNED)
    return found | {mailing_id: places[row.id].rank for mailing_id, row in rows.items()}


def merge_steps(connection: Connection, from_id: int, into_id: int, behind: Collection[int]) -> int:
    """These mailings are steps that another mailing brings to the person: what is open of them is skipped, and stays with
    the record that ends. Returns how many deliveries were skipped.
    """
    if not behind:
        return 0
    theirs = {row.mailing_id for row in owned(connection, [from_id], ())}
    own = [row for row in owned(connection, [into_id], ()) if row.mailing_id in behind]
    places = _places(connection, own)
    skipped = 0
    for row in (one for one in own if places[one.id].rank):
        if row.mailing_id not in theirs:  # a mailing knows each subscriber once
            _give(connection, row.id, from_id)
        if places[row.id].rank == _RANKS[BatchStatus.PENDING]:
            skipped += _skip(connection, row.id)
    return skipped


class _Place(NamedTuple):
    """How far a delivery is on its way, 0 where it goes nowhere; and whether its address had nothing of it for certain."""

    rank: int
    unmailed: bool


def _places(connection: Connection, rows: Collection[Row[Any]]) -> dict[int, _Place]:
    """Where each delivery is, from here on until the end of the transaction."""
    statuses = _hold(connection, {row.batch_id for row in rows})
    found: dict[int, _Place] = {}
    ids = sorted(row.id for row in rows)
    for start in range(0, len(ids), _CHUNK):
        query = select(deliveries).where(deliveries.c.id.in_(ids[start : start + _CHUNK]))
        found.update((row.id, _place(row, statuses[row.batch_id])) for row in connection.execute(query))
    return found


def _place(row: Row[Any], status: BatchStatus) -> _Place:
    if row.skipped_reason == SkipReason.SERVED:  # they have it, from mail that was thought to be cancelled
        return _Place(_RANKS[BatchStatus.SUBMITTED], unmailed=False)
    if row.skipped_reason is not None or row.refused_reason is not None:
        return _Place(0, unmailed=True)
    if row.outcome in _CAME_TO_NOTHING:
        return _Place(0, unmailed=False)
    return _Place(_RANKS.get(status, 0), unmailed=status not in _CALLED)


def _hold(connection: Connection, batch_ids: Collection[int]) -> dict[int, BatchStatus]:
    """Make whoever would move these batches wait; claimed ones are given back, for their holder has read whom they are for."""
    found: dict[int, BatchStatus] = {}
    for batch_id in sorted(batch_ids):  # one order everywhere
        row = connection.execute(
            update(batches)
            .where(batches.c.id == batch_id)
            .values(status=batches.c.status)
            .returning(batches.c.status, batches.c.mailing_id)
        ).one()
        found[batch_id] = BatchStatus(row.status)
        if found[batch_id] is BatchStatus.CLAIMED:
            changed(
                connection,
                update(batches)
                .where(batches.c.id == batch_id)
                .values(status=BatchStatus.PENDING, claim_token=None, lease_until=None),
            )
            log_move("batch", batch_id, BatchStatus.CLAIMED, BatchStatus.PENDING, mailing=row.mailing_id, by="merge")
    return found


def _give(connection: Connection, delivery_id: int, subscriber_id: int | None) -> None:
    changed(connection, update(deliveries).where(deliveries.c.id == delivery_id).values(subscriber_id=subscriber_id))


def _swap(
    connection: Connection, ends: Row[Any], stays: Row[Any], from_id: int, into_id: int, name: str | None
) -> None:
    """Each gets the other's subscriber; `name` is set where the one that stays behind must free its address."""
    _give(connection, stays.id, None)  # a mailing knows each subscriber once
    _give(connection, ends.id, into_id)
    values: dict[str, Any] = {"subscriber_id": from_id}
    if name is not None:
        values["address_key"] = name
    changed(connection, update(deliveries).where(deliveries.c.id == stays.id).values(values))


def _skip(connection: Connection, delivery_id: int) -> int:
    return changed(
        connection,
        update(deliveries)
        .where(
            deliveries.c.id == delivery_id, deliveries.c.skipped_reason.is_(None), deliveries.c.refused_reason.is_(None)
        )
        .values(skipped_reason=SkipReason.MERGED),
    )
