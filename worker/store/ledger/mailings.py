"""Mailings: created once by their key, then moved only by the conditional updates here and in plan, sweep and settle."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, insert, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.delivery import BatchStatus
from worker.domain.late import Late
from worker.domain.mailing import KINDS, QUIET_KINDS, Mailing, MailingKind, MailingStatus
from worker.domain.staging import RESTAGE, RecallTo
from worker.domain.subscriber import Plan
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.moves import changed, log_attention, log_move
from worker.store.ledger.recall import CAN_RECALL, begin_recall, redirect_recall
from worker.store.tables import addressees, batches, mailings

_RESTAGE_MILLIS = round(RESTAGE.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class NewAddressee:
    """Who a one-off is for: a subscriber, or (tests and alerts only) an `address` that need not be one's.

    With both, the mail goes to `address` with the subscriber's merge values.
    """

    subscriber_id: int | None
    plan: Plan
    address: str | None = None


@dataclass(frozen=True, slots=True)
class NewMailing:
    """What a mailing is created from. No `addressees` means: by `segment`. Field meanings: worker/domain/mailing.py."""

    key: str
    kind: MailingKind
    source: str
    send_at: datetime
    wall_time: str
    zone: str
    batch_size: int
    segment: str = "everyone"
    launch_id: str | None = None
    addressees: Sequence[NewAddressee] = ()
    stage_at: datetime | None = None
    late: Late | None = None  # None: as the kind says
    expires_at: datetime | None = None  # nothing of it goes from then on, unless `late` is send
    corrects_id: int | None = None
    local_hour: bool = False
    run_id: int | None = None
    step_id: str | None = None
    rules: str | None = None  # of the step, as JSON


def create_mailing(connection: Connection, new: NewMailing, now: datetime) -> int | None:
    """Create a scheduled mailing and return its id; None where the key exists already (nothing is changed)."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(mailings)
        .values(
            key=new.key,
            kind=new.kind,
            status=MailingStatus.SCHEDULED,
            source=new.source,
            segment=new.segment,
            send_at=new.send_at,
            wall_time=new.wall_time,
            zone=new.zone,
            batch_size=new.batch_size,
            launch_id=new.launch_id,
            stage_at=new.stage_at,
            expires_at=new.expires_at,
            corrects_id=new.corrects_id,
            local_hour=int(new.local_hour),
            run_id=new.run_id,
            step_id=new.step_id,
            rules=new.rules,
            late=new.late or KINDS[new.kind].late,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(mailings.c.id)
    )
    mailing_id: int | None = connection.execute(statement).scalar_one_or_none()
    if mailing_id is None:
        return None
    _add(connection, mailing_id, new.addressees)
    log_move("mailing", mailing_id, "none", MailingStatus.SCHEDULED, kind=new.kind)
    return mailing_id


def add_addressees(
    connection: Connection, mailing_id: int, more: Sequence[NewAddressee], expires_at: datetime | None = None
) -> bool:
    """Let a mailing go to more people; False where it is being planned already, or does not go by name.

    `expires_at`: of one that expires, it does not do so earlier than that.
    """
    waits = update(mailings).where(mailings.c.id == mailing_id, mailings.c.status == MailingStatus.SCHEDULED)
    if changed(connection, waits.values(status=MailingStatus.SCHEDULED)) != 1:  # held until the end of the transaction
        return False
    if expires_at is not None:
        sooner = update(mailings).where(mailings.c.id == mailing_id, mailings.c.expires_at < expires_at)
        changed(connection, sooner.values(expires_at=expires_at))
    _add(connection, mailing_id, more)
    return True


def _add(connection: Connection, mailing_id: int, new: Sequence[NewAddressee]) -> None:
    rows = [
        {"mailing_id": mailing_id, "subscriber_id": a.subscriber_id, "address": a.address, "plan": a.plan} for a in new
    ]
    if rows:
        connection.execute(insert(addressees), rows)


def get_mailing(connection: Connection, mailing_id: int) -> Mailing | None:
    """One mailing, or None."""
    return _only(connection, mailings.c.id == mailing_id)


def find_mailing(connection: Connection, key: str) -> Mailing | None:
    """The mailing with this key, or None."""
    return _only(connection, mailings.c.key == key)


def list_mailings(connection: Connection, statuses: Collection[MailingStatus] = ()) -> list[Mailing]:
    """Every mailing in one of `statuses` (all where none is named), newest first."""
    query = select(mailings).order_by(mailings.c.id.desc())
    if statuses:
        query = query.where(mailings.c.status.in_(statuses))
    return [_mailing(row) for row in connection.execute(query)]


def mailings_of_launch(connection: Connection, launch_id: str) -> list[Mailing]:
    """The mails of a launch's own sequence, oldest first."""
    query = select(mailings).where(mailings.c.launch_id == launch_id).order_by(mailings.c.id)
    return [_mailing(row) for row in connection.execute(query)]


def newest_mailings(connection: Connection, limit: int) -> list[Mailing]:
    """The newest mailings that a person may want to see, newest first: quiet kinds only where they need attention."""
    shown = or_(mailings.c.kind.not_in(QUIET_KINDS), mailings.c.needs_attention.is_not(None))
    query = select(mailings).where(shown).order_by(mailings.c.id.desc()).limit(limit)
    return [_mailing(row) for row in connection.execute(query)]


def pause_mailing(connection: Connection, mailing_id: int, attention: str | None = None) -> bool:
    """Stop every further start; `attention` says why, where it was not a person's wish. True if this call did it.

    What waits at SendGrid is taken back first, where that is still possible: the mailing is `recalling` until then.
    """
    before = (MailingStatus.SCHEDULED, MailingStatus.PLANNING, MailingStatus.SENDING, MailingStatus.STAGED)
    values: dict[str, Any] = {"status": MailingStatus.PAUSED}
    if attention:
        values["needs_attention"] = attention
    statement = update(mailings).where(mailings.c.id == mailing_id, mailings.c.status.in_(before), ~CAN_RECALL)
    done = (
        _take_back(connection, mailing_id, RecallTo.PAUSED, attention)
        or changed(connection, statement.values(values)) == 1
        or _take_back(connection, mailing_id, RecallTo.PAUSED, attention)  # it got its batch id between the two
    )
    if done:
        log_move("mailing", mailing_id, "active", MailingStatus.PAUSED)
        if attention:
            log_attention(mailing_id, attention)
    return done


def resume_mailing(connection: Connection, mailing_id: int) -> bool:
    """Go on after a pause: to planning where that had not happened, else to sending. True if this call did it.

    A staged mailing is staged again where there is time for it; else what is left goes at its hour. One that is being
    taken back is staged again afterwards.
    """
    if redirect_recall(connection, mailing_id, RecallTo.STAGED):
        return True
    still = and_(mailings.c.stage_at.is_not(None), mailings.c.send_at > DatabaseNow(_RESTAGE_MILLIS))
    target = case(
        (mailings.c.planned_at.is_(None), MailingStatus.SCHEDULED.value),
        (still, MailingStatus.STAGED.value),
        else_=MailingStatus.SENDING.value,
    )
    status = connection.execute(
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.status == MailingStatus.PAUSED)
        # Whoever resumes what is past its hour has decided: it is not asked again that it is late.
        .values(
            status=target,
            needs_attention=null(),
            late=case((mailings.c.send_at <= DatabaseNow(), Late.SEND.value), else_=mailings.c.late),
        )
        .returning(mailings.c.status)
    ).scalar_one_or_none()
    if status is not None:
        log_move("mailing", mailing_id, MailingStatus.PAUSED, status)
    return status is not None


def cancel_mailing(connection: Connection, mailing_id: int, now: datetime) -> bool:
    """Take back what has not been started: open batches become cancelled. What was handed over stays, unless it waits
    at SendGrid and can be taken back: then the mailing is `recalling` until that is done.

    A batch in mid-call keeps its state until it is settled; if it comes back pending, the sweep cancels it.
    """
    if _take_back(connection, mailing_id, RecallTo.CANCELLED):
        return True
    gone = (MailingStatus.FINISHED, MailingStatus.CANCELLED, MailingStatus.RECALLING)
    done = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.status.not_in(gone), ~CAN_RECALL)
        .values(status=MailingStatus.CANCELLED, finished_at=now),
    )
    if not done:
        return _take_back(connection, mailing_id, RecallTo.CANCELLED)  # it got its batch id between the two
    changed(
        connection,
        update(batches)
        .where(batches.c.mailing_id == mailing_id, batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED)))
        .values(status=BatchStatus.CANCELLED, claim_token=None, lease_until=None),
    )
    log_move("mailing", mailing_id, "open", MailingStatus.CANCELLED)
    return True


def _take_back(connection: Connection, mailing_id: int, to: RecallTo, attention: str | None = None) -> bool:
    """Begin a recall, or turn the one under way; False where there is nothing to take back."""
    return begin_recall(connection, mailing_id, to, attention) or redirect_recall(connection, mailing_id, to, attention)


def need_attention(connection: Connection, mailing_id: int, reason: str) -> None:
    """Write down why a person should look at this mailing; it goes on meanwhile."""
    changed(connection, update(mailings).where(mailings.c.id == mailing_id).values(needs_attention=reason))
    log_attention(mailing_id, reason)


def forget_attention(connection: Connection, mailing_id: int) -> bool:
    """A person has looked. A paused mailing keeps its reason until it is resumed."""
    statement = update(mailings).where(mailings.c.id == mailing_id, mailings.c.status != MailingStatus.PAUSED)
    return changed(connection, statement.values(needs_attention=null())) == 1


def _only(connection: Connection, condition: Any) -> Mailing | None:
    row = connection.execute(select(mailings).where(condition)).one_or_none()
    return None if row is None else _mailing(row)


def _mailing(row: Row[Any]) -> Mailing:
    return Mailing(
        id=row.id,
        key=row.key,
        kind=MailingKind(row.kind),
        status=MailingStatus(row.status),
        source=row.source,
        segment=row.segment,
        send_at=row.send_at,
        wall_time=row.wall_time,
        zone=row.zone,
        generation=row.generation,
        sendgrid_batch_id=row.sendgrid_batch_id,
        launch_id=row.launch_id,
        candidates=row.candidates,
        audience=row.audience,
        needs_attention=row.needs_attention,
        created_at=row.created_at,
        planned_at=row.planned_at,
        finished_at=row.finished_at,
        stage_at=row.stage_at,
        recall_to=row.recall_to,
        corrects_id=row.corrects_id,
        local_hour=bool(row.local_hour),
        run_id=row.run_id,
        step_id=row.step_id,
        step_rules=row.rules,
    )
