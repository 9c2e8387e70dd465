"""Corrections: new revisions of a planned mailing's editions, for the batches that are still pending.

What a worker has claimed or handed over keeps the text it had; if it comes back pending, correcting once more takes it.
Revisions are never changed, only followed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, func, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.edition import Edition
from worker.domain.mailing import MailingKind, MailingStatus
from worker.domain.subscriber import Plan
from worker.store.engine import Connection
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.people import by_text
from worker.store.ledger.plan import keep_edition
from worker.store.tables import batches, deliveries, editions, mailings

#: Where a correction makes sense: planned, and something may still go.
CORRECTABLE = (MailingStatus.SENDING, MailingStatus.STAGED, MailingStatus.PAUSED)

_STAYS: ColumnElement[bool] = deliveries.c.skipped_reason.is_(None) & deliveries.c.refused_reason.is_(None)


@dataclass(frozen=True, slots=True)
class Reach:
    """How many readers whose edition has another text stand where.

    `pending` can get the new one; `in_hand` are in a worker's hands right now; `have` it is what was submitted;
    `uncertain` ones may have it.
    """

    pending: int = 0
    in_hand: int = 0
    have: int = 0
    uncertain: int = 0


def newest_editions(connection: Connection, mailing_id: int) -> dict[Plan, Edition]:
    """The newest revision for each plan that was planned."""
    newest: dict[Plan, Edition] = {}
    for edition in read_editions(connection, mailing_id).values():
        if edition.plan not in newest or edition.revision > newest[edition.plan].revision:
            newest[edition.plan] = edition
    return newest


def reach(connection: Connection, mailing_id: int, texts: Collection[str]) -> Reach:
    """Whom a correction to these texts (source hashes) would reach. Those whose edition is one of them are not counted."""
    query = (
        select(batches.c.status, func.count())
        .select_from(deliveries)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(editions, editions.c.id == batches.c.edition_id)
        .where(deliveries.c.mailing_id == mailing_id, _STAYS, editions.c.source_hash.not_in(sorted(set(texts))))
        .group_by(batches.c.status)
    )
    found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return Reach(
        pending=found.get(BatchStatus.PENDING, 0),
        in_hand=found.get(BatchStatus.CLAIMED, 0) + found.get(BatchStatus.SUBMITTING, 0),
        have=found.get(BatchStatus.SUBMITTED, 0),
        uncertain=found.get(BatchStatus.UNCERTAIN, 0),
    )


def count_second(connection: Connection, mailing_id: int, texts: Collection[str]) -> dict[str, int]:
    """Who a second broadcast of these texts would be about now: {"audience": n, and per reason who is left out}."""
    people = by_text(MailingKind.BROADCAST, None, mailing_id, texts).subquery("people")
    query = select(people.c.reason, func.count()).group_by(people.c.reason)
    return {row[0] or "audience": row[1] for row in connection.execute(query)}


def corrections_of(connection: Connection, mailing_id: int) -> list[tuple[int, MailingStatus]]:
    """The second broadcasts of a mailing, oldest first. Until the end of this transaction nobody else makes another."""
    hold(connection, mailing_id, tuple(MailingStatus))
    query = select(mailings.c.id, mailings.c.status).where(mailings.c.corrects_id == mailing_id)
    return [(row[0], MailingStatus(row[1])) for row in connection.execute(query.order_by(mailings.c.id))]


def hold(connection: Connection, mailing_id: int, statuses: Collection[MailingStatus]) -> bool:
    """Keep a planned mailing in one of these statuses, and other corrections of it waiting, until the transaction ends."""
    # An UPDATE that changes nothing: on PostgreSQL it takes the row; on SQLite there is one writer anyway.
    statement = update(mailings).where(
        mailings.c.id == mailing_id, mailings.c.planned_at.is_not(None), mailings.c.status.in_(statuses)
    )
    return changed(connection, statement.values(planned_at=mailings.c.planned_at)) == 1


def correct_pending(connection: Connection, mailing_id: int, prepared: Mapping[Plan, Edition]) -> int:
    """Give every pending batch the text of its plan as `prepared`; returns how many readers get it.

    Nothing happens where the mailing is not correctable, and to batches that have this text already: so it can be
    repeated, on two hosts at once, and takes what came back pending meanwhile.
    """
    if not hold(connection, mailing_id, CORRECTABLE):
        return 0
    known = read_editions(connection, mailing_id)
    return sum(_correct(connection, mailing_id, known, edition) for edition in prepared.values())


def _correct(connection: Connection, mailing_id: int, known: Mapping[int, Edition], edition: Edition) -> int:
    same_plan = {key: one for key, one in known.items() if one.plan is edition.plan}
    others = [key for key, one in same_plan.items() if one.source_hash != edition.source_hash]
    waiting = (
        batches.c.mailing_id == mailing_id,
        batches.c.status == BatchStatus.PENDING,
        batches.c.edition_id.in_(others),
    )
    if not others or connection.execute(select(batches.c.id).where(*waiting).limit(1)).first() is None:
        return 0
    newest = max(same_plan, key=lambda key: same_plan[key].revision)
    if newest in others:  # also where an older revision said the same: the newest one is what counts now
        revision = same_plan[newest].revision + 1
        newest = keep_edition(connection, mailing_id, replace(edition, revision=revision))
    moved = changed(connection, update(batches).where(*waiting).values(edition_id=newest))
    in_them = select(batches.c.id).where(batches.c.mailing_id == mailing_id, batches.c.edition_id == newest)
    follow = (
        update(deliveries)
        .where(
            deliveries.c.mailing_id == mailing_id,
            deliveries.c.edition_id.in_(others),
            deliveries.c.batch_id.in_(in_them),
        )
        .values(edition_id=newest)
    )
    readers = changed(connection, follow.where(_STAYS))
    changed(connection, follow)  # the skipped and refused ones of these batches
    log_move("mailing", mailing_id, "old text", "new text", edition=newest, batches=moved)
    return readers
