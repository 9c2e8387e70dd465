"""Corrections: new revisions of a planned mailing's editions, for the batches that are still pending.

What a worker has claimed or handed over keeps the text it had. Revisions are never changed, only followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.edition import Edition
from worker.domain.mailing import MailingStatus
from worker.domain.subscriber import Plan
from worker.store.engine import Connection
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.plan import keep_edition
from worker.store.tables import batches, deliveries, editions, mailings

#: Where a correction makes sense: planned, and something may still go.
CORRECTABLE = (MailingStatus.SENDING, MailingStatus.STAGED, MailingStatus.PAUSED)

_STAYS: ColumnElement[bool] = deliveries.c.skipped_reason.is_(None) & deliveries.c.refused_reason.is_(None)


@dataclass(frozen=True, slots=True)
class Reach:
    """How many readers a text in another revision would reach, and how many it would not.

    `pending` get it; `handed_over` have the one before (or may have: uncertain ones are among them); `in_hand` are in a
    worker's hands right now.
    """

    pending: int
    handed_over: int
    in_hand: int


def newest_editions(connection: Connection, mailing_id: int) -> dict[Plan, Edition]:
    """The newest revision for each plan that was planned."""
    newest: dict[Plan, Edition] = {}
    for edition in read_editions(connection, mailing_id).values():
        if edition.plan not in newest or edition.revision > newest[edition.plan].revision:
            newest[edition.plan] = edition
    return newest


def reach(connection: Connection, mailing_id: int, source_hash: str) -> Reach:
    """Whom a correction to this source would reach. Those who have this very text already are not counted."""
    query = (
        select(batches.c.status, func.count())
        .select_from(deliveries)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(editions, editions.c.id == batches.c.edition_id)
        .where(deliveries.c.mailing_id == mailing_id, _STAYS, editions.c.source_hash != source_hash)
        .group_by(batches.c.status)
    )
    found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    handed_over = (BatchStatus.SUBMITTED, BatchStatus.UNCERTAIN)
    in_hand = (BatchStatus.CLAIMED, BatchStatus.SUBMITTING)
    return Reach(
        pending=found.get(BatchStatus.PENDING, 0),
        handed_over=sum(found.get(one, 0) for one in handed_over),
        in_hand=sum(found.get(one, 0) for one in in_hand),
    )


def correct_pending(connection: Connection, mailing_id: int, prepared: Mapping[Plan, Edition]) -> int:
    """Give every pending batch the text of its plan as `prepared`; returns how many readers get it.

    Nothing happens where the mailing is not correctable, and to batches that name this source already: so it can be
    repeated, and takes what came back pending meanwhile.
    """
    mailing = connection.execute(
        select(mailings.c.status, mailings.c.planned_at).where(mailings.c.id == mailing_id)
    ).one_or_none()
    if mailing is None or mailing.planned_at is None or mailing.status not in CORRECTABLE:
        return 0
    known = read_editions(connection, mailing_id)
    return sum(_correct(connection, mailing_id, known, edition) for edition in prepared.values())


def _correct(connection: Connection, mailing_id: int, known: Mapping[int, Edition], edition: Edition) -> int:
    same_plan = {key: one for key, one in known.items() if one.plan is edition.plan}
    same_text = [key for key, one in same_plan.items() if one.source_hash == edition.source_hash]
    others = [key for key in same_plan if key not in same_text]
    waiting = (
        batches.c.mailing_id == mailing_id,
        batches.c.status == BatchStatus.PENDING,
        batches.c.edition_id.in_(others),
    )
    if not others or connection.execute(select(batches.c.id).where(*waiting).limit(1)).first() is None:
        return 0
    if same_text:
        edition_id = max(same_text)
    else:
        revision = max(one.revision for one in same_plan.values()) + 1
        edition_id = keep_edition(connection, mailing_id, replace(edition, revision=revision))
    moved = (
        connection.execute(update(batches).where(*waiting).values(edition_id=edition_id).returning(batches.c.id))
        .scalars()
        .all()
    )
    changed(
        connection,
        update(deliveries)
        .where(deliveries.c.mailing_id == mailing_id, deliveries.c.batch_id.in_(_moved(mailing_id, edition_id)))
        .values(edition_id=edition_id),
    )
    log_move("mailing", mailing_id, "old text", "new text", edition=edition_id, batches=len(moved))
    owed = select(func.count()).where(deliveries.c.mailing_id == mailing_id, deliveries.c.batch_id.in_(moved), _STAYS)
    return int(connection.execute(owed).scalar_one())


def _moved(mailing_id: int, edition_id: int) -> Select[Any]:
    return select(batches.c.id).where(batches.c.mailing_id == mailing_id, batches.c.edition_id == edition_id)
