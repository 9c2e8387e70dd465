"""Planning: in one snapshot the audience and every plan are frozen as editions, batches, deliveries and exclusions.

Candidates are everybody the segment picks (or the one-off names), whatever their consent; each becomes a delivery
or an exclusion with its reason, and the two are counted against the candidates before anything is committed.
Repeating it has no effect.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.selectable import Subquery

from worker.domain.delivery import BatchStatus
from worker.domain.edition import Edition
from worker.domain.mailing import Mailing, MailingKind, MailingStatus
from worker.domain.segment import Rule
from worker.domain.subscriber import Plan
from worker.errors import LedgerError
from worker.store.engine import Connection
from worker.store.ledger.cards import keep_cards
from worker.store.ledger.local_hours import Part, by_hour, first_number, whole
from worker.store.ledger.mailings import pause_mailing
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.people import by_rule, everybody
from worker.store.tables import (
    batches,
    deliveries,
    editions,
    exclusions,
    mailings,
    subscribers,
)

PLANNING_LIMIT = 5
PLANNING_GIVEN_UP = (
    f"planning began {PLANNING_LIMIT} times and never ended: its process died or its job failed, as the log says "
    "(`horse killed`, or a traceback). Mend the text or the machine, then resume"
)
_PLANNABLE = (MailingStatus.SCHEDULED, MailingStatus.PLANNING)


@dataclass(frozen=True, slots=True)
class Planned:
    """What planning froze: `audience` deliveries out of `candidates`."""

    candidates: int
    audience: int


def begin_planning(connection: Connection, mailing_id: int) -> int:
    """Show that planning has begun, and count it: the number of this attempt, from 1. 0 where the mailing is past it,
    paused or cancelled.

    Planning that has begun and ended without a word five times (MRML can crash its process) is not begun a sixth time:
    the mailing is paused with the reason. After `resume` there are five more.
    """
    spent = and_(mailings.c.planning_attempts > 0, mailings.c.planning_attempts % PLANNING_LIMIT == 0)
    attempt: int | None = connection.execute(
        update(mailings)
        .where(
            mailings.c.id == mailing_id,
            mailings.c.status.in_(_PLANNABLE),
            or_(mailings.c.status == MailingStatus.SCHEDULED, ~spent),
        )
        .values(status=MailingStatus.PLANNING, planning_attempts=_next_attempt())
        .returning(mailings.c.planning_attempts)
    ).scalar_one_or_none()
    if attempt is None:
        given_up = select(mailings.c.id).where(
            mailings.c.id == mailing_id, mailings.c.status == MailingStatus.PLANNING, spent
        )
        if connection.execute(given_up).first() is not None:
            pause_mailing(connection, mailing_id, PLANNING_GIVEN_UP)
    return attempt or 0


def _next_attempt() -> ColumnElement[int]:
    """One more; a mailing that was resumed begins the next five, however many it had of the ones before."""
    tried = mailings.c.planning_attempts
    return case(
        (
            mailings.c.status == MailingStatus.SCHEDULED,
            tried + (PLANNING_LIMIT - tried % PLANNING_LIMIT) % PLANNING_LIMIT,
        ),
        else_=tried,
    ) + literal(1, Integer)


def freeze_audience(
    connection: Connection,
    mailing: Mailing,
    rule: Rule,
    prepared: Mapping[Plan, Edition],
    now: datetime,
    attempt: int | None = None,
) -> Planned | None:
    """Freeze the audience of a mailing in `planning`; `connection` must be a `snapshot`.

    `attempt` is what `begin_planning` said before `prepared` was rendered. Returns None (and changes nothing) where
    somebody else planned it meanwhile, or where it was paused meanwhile, even if it was resumed and is being planned
    again: the text may have been mended in between. Raises LedgerError where a plan of
    the audience has no edition, or candidates and deliveries + exclusions do not agree.
    """
    owned = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing.id, mailings.c.status == MailingStatus.PLANNING, _same_run(attempt))
        .values(status=_planned_status(mailing), planned_at=now),
    )
    if owned != 1:
        return None
    batch_size = connection.execute(select(mailings.c.batch_size).where(mailings.c.id == mailing.id)).scalar_one()
    # A subquery, not a CTE: a statement that begins with WITH has no row count on SQLite.
    texts = {edition.source_hash for edition in prepared.values()}
    people = everybody(connection, mailing, rule, texts).subquery("people")
    candidates, sizes = _count(connection, people)
    excluded = _exclude(connection, mailing, people)
    audience = sum(
        _freeze_edition(connection, mailing, people, edition, sizes.get(edition.plan.value, 0), batch_size)
        for edition in prepared.values()
    )
    if candidates != audience + excluded:
        raise LedgerError(
            f"mailing {mailing.id}: {candidates} candidates, but {audience} deliveries and {excluded} exclusions",
            fix="nothing was planned; report this with the mailing's id",
        )
    connection.execute(
        update(mailings).where(mailings.c.id == mailing.id).values(candidates=candidates, audience=audience)
    )
    log_move("mailing", mailing.id, MailingStatus.PLANNING, _planned_status(mailing), audience=audience)
    return Planned(candidates, audience)


def _same_run(attempt: int | None) -> ColumnElement[bool]:
    """Not paused since that attempt began: after `resume` attempts are counted from the next five on."""
    if attempt is None:
        return literal(True)
    before = (attempt - 1) // PLANNING_LIMIT * PLANNING_LIMIT
    return mailings.c.planning_attempts.between(before + 1, before + PLANNING_LIMIT)


def _planned_status(mailing: Mailing) -> MailingStatus:
    return MailingStatus.SENDING if mailing.stage_at is None else MailingStatus.STAGED


def count_audience(
    connection: Connection, kind: MailingKind, launch_id: str | None, rule: Rule, at: datetime
) -> dict[str, dict[str, int]]:
    """What planning by segment for the hour `at` would find now: plan -> {"audience": n, reason: n, ...}. Writes nothing."""
    people = by_rule(kind, launch_id, rule, at).subquery("people")
    rows = connection.execute(
        select(people.c.plan, people.c.reason, func.count()).group_by(people.c.plan, people.c.reason)
    )
    found: dict[str, dict[str, int]] = {}
    for plan, reason, number in rows:
        found.setdefault(plan, {})[reason or "audience"] = number
    return found


def _count(connection: Connection, people: Subquery) -> tuple[int, dict[str, int]]:
    """How many candidates there are, and how many of each plan may be mailed."""
    owed = func.count().filter(people.c.reason.is_(None))
    rows = connection.execute(select(people.c.plan, func.count(), owed).group_by(people.c.plan)).all()
    return sum(row[1] for row in rows), {row[0]: row[2] for row in rows}


def _exclude(connection: Connection, mailing: Mailing, people: Subquery) -> int:
    chosen = select(literal(mailing.id), people.c.subscriber_id, people.c.reason).where(people.c.reason.is_not(None))
    return changed(connection, insert(exclusions).from_select(["mailing_id", "subscriber_id", "reason"], chosen))


def _freeze_edition(
    connection: Connection, mailing: Mailing, people: Subquery, edition: Edition, size: int, batch_size: int
) -> int:
    eligible = (people.c.plan == edition.plan.value, people.c.reason.is_(None))
    edition_id = keep_edition(connection, mailing.id, edition)
    if size == 0:
        return 0
    if not mailing.local_hour:
        _make_batches(connection, mailing, edition_id, whole(size), batch_size)
        chosen = select(people).where(*eligible).subquery()
        return _owe(connection, mailing.id, edition_id, chosen, literal(0, Integer), batch_size)
    parts = by_hour(connection, mailing, people, eligible, batch_size)
    _make_batches(connection, mailing, edition_id, parts, batch_size)
    lives = subscribers.c.id == people.c.subscriber_id
    placed = select(people, first_number(parts).label("first")).join_from(people, subscribers, lives).where(*eligible)
    chosen = placed.subquery()
    return _owe(connection, mailing.id, edition_id, chosen, chosen.c.first, batch_size, chosen.c.first)


def _make_batches(
    connection: Connection, mailing: Mailing, edition_id: int, parts: Iterable[Part], batch_size: int
) -> None:
    """The batches of one edition, numbered through all its parts."""
    rows = [
        {
            "mailing_id": mailing.id,
            "edition_id": edition_id,
            "number": number,
            "status": BatchStatus.PENDING,
            "generation": mailing.generation,
            "not_before": part.not_before,
        }
        for part in parts
        for number in range(part.first, part.first + -(-part.size // batch_size))
    ]
    connection.execute(insert(batches), rows)


def _owe(
    connection: Connection,
    mailing_id: int,
    edition_id: int,
    chosen: Subquery,
    first: ColumnElement[int],
    batch_size: int,
    part: ColumnElement[int] | None = None,
) -> int:
    """The deliveries of one edition in one statement, in batches counted from `first` on; within each `part`, if given."""
    position = func.row_number().over(partition_by=part, order_by=chosen.c.subscriber_id) - 1
    numbered = (
        select(
            chosen.c.subscriber_id,
            chosen.c.address_key,
            chosen.c.address,
            # SQLAlchemy's `//` is a floating point floor on PostgreSQL, and finds no index.
            (cast(position.op("/", precedence=8)(literal(batch_size, Integer)), Integer) + first).label("number"),
        )
    ).subquery()
    # Looked up by its index for each row: a join, planned without statistics of batches just made, compared every row
    # with every batch.
    batch = (
        select(batches.c.id)
        .where(batches.c.edition_id == edition_id, batches.c.number == numbered.c.number)
        .scalar_subquery()
    )
    owed = select(
        literal(mailing_id),
        numbered.c.subscriber_id,
        numbered.c.address_key,
        numbered.c.address,
        literal(edition_id),
        batch,
    )
    columns = ["mailing_id", "subscriber_id", "address_key", "address", "edition_id", "batch_id"]
    return changed(connection, insert(deliveries).from_select(columns, owed.order_by(numbered.c.subscriber_id)))


def keep_edition(connection: Connection, mailing_id: int, edition: Edition) -> int:
    """Freeze one edition of a mailing; its id."""
    tags = [[t.tag, t.name.value, t.fallback, t.place.value] for t in edition.merge_tags]
    kept: int = connection.execute(
        insert(editions)
        .values(
            mailing_id=mailing_id,
            plan=edition.plan,
            revision=edition.revision,
            subject=edition.subject,
            preheader=edition.preheader,
            html=edition.html,
            text=edition.text,
            merge_tags=json.dumps(tags, ensure_ascii=False),
            hash=edition.hash,
            source_hash=edition.source_hash,
        )
        .returning(editions.c.id)
    ).scalar_one()
    keep_cards(connection, kept, edition.cards)
    return kept
