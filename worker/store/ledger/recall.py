"""Recall: what waits at SendGrid is taken back, and all of it is pending again under the next generation.

`staged -> recalling` stops every start. Then SendGrid is asked to cancel, and asked what it understood; only when it says
cancelled, one transaction moves every batch. Each step is a conditional update that a crash leaves to be repeated. The
calls themselves are made by worker/usecases/recall_mailing.py, without a transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.mailing import MailingStatus
from worker.domain.staging import CUTOFF, FREED_AFTER, GENERATIONS, SLOTS, Generation, GenerationState, RecallTo
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.staging import generation_of
from worker.store.tables import batches, deliveries, generations, mailings

TWICE_UNCERTAIN = (
    "uncertain answers twice over: everything that waited at SendGrid was taken back; look at SendGrid's status page,"
    " then resume"
)
_CUTOFF_MILLIS = round(CUTOFF.total_seconds() * 1000)
_TAKEN_BACK = (
    BatchStatus.PENDING,
    BatchStatus.CLAIMED,
    BatchStatus.SUBMITTING,
    BatchStatus.SUBMITTED,
    BatchStatus.UNCERTAIN,
)
_HANDED_OVER = (BatchStatus.SUBMITTING, BatchStatus.SUBMITTED, BatchStatus.UNCERTAIN)
_SLOT_TAKEN = (GenerationState.CANCELLING, GenerationState.CANCELLED)

#: Beside a row of `mailings`: something of it is at SendGrid (or may be), waits, and can still be taken back.
CAN_RECALL: ColumnElement[bool] = and_(
    mailings.c.status == MailingStatus.STAGED.value,
    mailings.c.send_at > DatabaseNow(_CUTOFF_MILLIS),
    exists().where(
        batches.c.mailing_id == mailings.c.id,
        batches.c.generation == mailings.c.generation,
        batches.c.status.in_([one.value for one in _HANDED_OVER]),
    ),
)


def begin_recall(connection: Connection, mailing_id: int, to: RecallTo, attention: str | None = None) -> bool:
    """Stop every start of a staged mailing and take back what waits. True if this call did it.

    A mailing whose second generation is uncertain as well is paused afterwards, for a person to look.
    """
    again = to is RecallTo.STAGED
    worn_out = mailings.c.generation >= GENERATIONS - 1
    target = case((worn_out, RecallTo.PAUSED.value), else_=to.value) if again else literal(to.value)
    reason: Any = literal(attention) if attention else mailings.c.needs_attention
    if again:
        reason = case((worn_out, TWICE_UNCERTAIN), else_=reason)
    done = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, CAN_RECALL)
        .values(status=MailingStatus.RECALLING, recall_to=target, needs_attention=reason),
    )
    if done:
        log_move("mailing", mailing_id, MailingStatus.STAGED, MailingStatus.RECALLING)
    return done == 1


def redirect_recall(connection: Connection, mailing_id: int, to: RecallTo, attention: str | None = None) -> bool:
    """Change what a mailing becomes after the recall that is under way; cancelled stays cancelled."""
    values: dict[str, Any] = {"recall_to": to}
    if attention or to is not RecallTo.PAUSED:
        values["needs_attention"] = attention
    done = changed(
        connection,
        update(mailings)
        .where(
            mailings.c.id == mailing_id,
            mailings.c.status == MailingStatus.RECALLING,
            mailings.c.recall_to != RecallTo.CANCELLED,
        )
        .values(values),
    )
    return done == 1


def due_for_recall(connection: Connection) -> list[int]:
    """Mailings whose recall is under way."""
    query = select(mailings.c.id).where(mailings.c.status == MailingStatus.RECALLING).order_by(mailings.c.id)
    return list(connection.execute(query).scalars())


def recalled_generation(connection: Connection, mailing_id: int) -> Generation | None:
    """The generation that is being taken back; None where no recall is under way."""
    query = (
        select(generations)
        .join(mailings, mailings.c.id == generations.c.mailing_id)
        .where(
            mailings.c.id == mailing_id,
            mailings.c.status == MailingStatus.RECALLING,
            generations.c.generation == mailings.c.generation,
        )
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else generation_of(row)


def call_in_flight(connection: Connection, mailing_id: int) -> bool:
    """Whether a worker may be posting for this mailing right now: mail that came after the cancellation might go."""
    query = select(batches.c.id).where(batches.c.mailing_id == mailing_id, batches.c.status == BatchStatus.SUBMITTING)
    return connection.execute(query.limit(1)).first() is not None


def begin_cancelling(connection: Connection, generation: Generation, now: datetime) -> bool:
    """Take one of the account's slots, before the request. False where all of them are taken; True also if it is ours.

    All mailings together have ten; two recalls at once cannot take the last one twice.
    """
    this = (
        generations.c.mailing_id == generation.mailing_id,
        generations.c.generation == generation.number,
    )
    other = generations.alias()
    taken = select(func.count()).select_from(other).where(other.c.state.in_(_SLOT_TAKEN)).scalar_subquery()
    done = changed(
        connection,
        update(generations)
        .where(*this, generations.c.state == GenerationState.OPEN, taken < SLOTS)
        .values(state=GenerationState.CANCELLING, cancel_asked_at=now),
    )
    if done:
        log_move("generation", generation.mailing_id, GenerationState.OPEN, GenerationState.CANCELLING)
        return True
    asked = select(generations.c.state).where(*this, generations.c.state == GenerationState.CANCELLING)
    return connection.execute(asked).first() is not None


def finish_recall(connection: Connection, generation: Generation, now: datetime) -> bool:
    """SendGrid says cancelled: the next generation begins, and nothing of the old one counts any more.

    Skipped and refused deliveries stay so, as do batches that ended without a call. True if this call did it.
    """
    target = case(
        (mailings.c.recall_to == RecallTo.STAGED.value, MailingStatus.STAGED.value),
        (mailings.c.recall_to == RecallTo.CANCELLED.value, MailingStatus.CANCELLED.value),
        else_=MailingStatus.PAUSED.value,
    )
    cancelled = mailings.c.recall_to == RecallTo.CANCELLED.value
    row = connection.execute(
        update(mailings)
        .where(
            mailings.c.id == generation.mailing_id,
            mailings.c.status == MailingStatus.RECALLING,
            mailings.c.generation == generation.number,
        )
        .values(
            status=target,
            recall_to=None,
            generation=generation.number + 1,
            sendgrid_batch_id=None,
            finished_at=case((cancelled, _instant(now)), else_=None),
        )
        .returning(mailings.c.status)
    ).one_or_none()
    if row is None:
        return False
    changed(
        connection,
        update(generations)
        .where(
            generations.c.mailing_id == generation.mailing_id,
            generations.c.generation == generation.number,
        )
        .values(state=GenerationState.CANCELLED, cancelled_at=now),
    )
    ends = BatchStatus.CANCELLED if row.status == MailingStatus.CANCELLED else BatchStatus.PENDING
    changed(
        connection,
        update(batches)
        .where(batches.c.mailing_id == generation.mailing_id, batches.c.status.in_(_TAKEN_BACK))
        .values(
            status=ends,
            generation=generation.number + 1,
            claim_token=None,
            lease_until=None,
            not_before=None,
            problem=None,
        ),
    )
    # What was said of mail that is thrown away says nothing about the mail that follows.
    in_it = select(batches.c.id).where(batches.c.mailing_id == generation.mailing_id, batches.c.status == ends)
    changed(
        connection,
        update(deliveries)
        .where(
            deliveries.c.mailing_id == generation.mailing_id,
            deliveries.c.batch_id.in_(in_it),
            deliveries.c.outcome.is_not(None),
        )
        .values(outcome=None, outcome_at=None),
    )
    log_move("mailing", generation.mailing_id, MailingStatus.RECALLING, row.status, generation=generation.number + 1)
    return True


def fail_recall(connection: Connection, generation: Generation, reason: str, now: datetime) -> bool:
    """SendGrid did not cancel in time: what was handed over goes. The rest is staged, paused or cancelled as was wished."""
    target = case(
        (mailings.c.recall_to == RecallTo.STAGED.value, MailingStatus.STAGED.value),
        (mailings.c.recall_to == RecallTo.CANCELLED.value, MailingStatus.CANCELLED.value),
        else_=MailingStatus.PAUSED.value,
    )
    cancelled = mailings.c.recall_to == RecallTo.CANCELLED.value
    row = connection.execute(
        update(mailings)
        .where(
            mailings.c.id == generation.mailing_id,
            mailings.c.status == MailingStatus.RECALLING,
            mailings.c.generation == generation.number,
        )
        .values(
            status=target,
            recall_to=None,
            needs_attention=reason,
            finished_at=case((cancelled, _instant(now)), else_=None),
        )
        .returning(mailings.c.status)
    ).one_or_none()
    if row is None:
        return False
    changed(
        connection,
        update(generations)
        .where(
            generations.c.mailing_id == generation.mailing_id,
            generations.c.generation == generation.number,
            generations.c.state == GenerationState.CANCELLING,
        )
        .values(state=GenerationState.OPEN),
    )
    if row.status == MailingStatus.CANCELLED:
        waiting = batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED))
        changed(
            connection,
            update(batches)
            .where(batches.c.mailing_id == generation.mailing_id, waiting)
            .values(status=BatchStatus.CANCELLED, claim_token=None, lease_until=None),
        )
    log_move("mailing", generation.mailing_id, MailingStatus.RECALLING, row.status)
    return True


def due_for_freeing(connection: Connection, now: datetime) -> list[Generation]:
    """Cancelled generations whose hour is long past: their slots can be given back without reviving any mail."""
    query = select(generations).where(
        generations.c.state == GenerationState.CANCELLED, generations.c.send_at < now - FREED_AFTER
    )
    return [generation_of(row) for row in connection.execute(query.order_by(generations.c.send_at))]


def note_freed(connection: Connection, generation: Generation) -> bool:
    """SendGrid has forgotten the cancellation."""
    done = changed(
        connection,
        update(generations)
        .where(
            generations.c.mailing_id == generation.mailing_id,
            generations.c.generation == generation.number,
            generations.c.state == GenerationState.CANCELLED,
        )
        .values(state=GenerationState.FREED),
    )
    return done == 1


def due_for_decision(connection: Connection) -> list[tuple[int, int, datetime, bool]]:
    """Staged mailings with uncertain batches: id, audience, hour, and whether nothing else is open in the generation."""
    uncertain = exists().where(batches.c.mailing_id == mailings.c.id, batches.c.status == BatchStatus.UNCERTAIN)
    busy = exists().where(
        batches.c.mailing_id == mailings.c.id,
        batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED, BatchStatus.SUBMITTING)),
        batches.c.set_aside.is_(None),
    )
    query = select(mailings.c.id, mailings.c.audience, mailings.c.send_at, ~busy).where(CAN_RECALL, uncertain)
    return [(row[0], row[1], row[2], bool(row[3])) for row in connection.execute(query)]


def _instant(at: datetime) -> Any:
    return literal(at, mailings.c.finished_at.type)
