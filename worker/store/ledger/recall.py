"""Recall: what waits at SendGrid is taken back, and all of it is pending again under the next generation.

`staged -> recalling` stops every start. Then SendGrid is asked to cancel, and asked what it understood; only when it says
cancelled, one transaction moves every batch. Each step is a conditional update that a crash leaves to be repeated. The
calls themselves are made by worker/usecases/recall_mailing.py, without a transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, literal, null, or_, select, update

from worker.domain.delivery import BatchStatus
from worker.domain.mailing import MailingStatus
from worker.domain.staging import CUTOFF, GENERATIONS, OBEYS, Generation, GenerationState, RecallTo
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.moves import changed, log_attention, log_move
from worker.store.ledger.slots import is_generation
from worker.store.ledger.staging import generation_of
from worker.store.tables import batches, deliveries, generations, mailings, submissions

TWICE_UNCERTAIN = (
    "uncertain answers twice over: everything that waited at SendGrid was taken back; look at SendGrid's status page,"
    " then resume"
)
TROUBLE = "cannot be taken back yet: "  # how the reasons begin that a recall ends which comes to its end
_CUTOFF_MILLIS = round(CUTOFF.total_seconds() * 1000)
_TAKEN_BACK = (BatchStatus.PENDING, BatchStatus.CLAIMED, BatchStatus.SUBMITTED, BatchStatus.UNCERTAIN)
_PERHAPS_TAKEN = ("accepted", "validated", "unknown")

#: Beside a row of `mailings`: it has a batch id, under which mail may wait, and there is time to take it back. All of it
#: stands in the one row, so a start, a recall and a new id at the same moment agree on who was first.
CAN_RECALL: ColumnElement[bool] = and_(
    mailings.c.status == MailingStatus.STAGED.value,
    mailings.c.sendgrid_batch_id.is_not(None),
    mailings.c.send_at > DatabaseNow(_CUTOFF_MILLIS),
)

#: What a mailing becomes once the recall is over.
_TARGET = case(
    (mailings.c.recall_to == RecallTo.STAGED.value, MailingStatus.STAGED.value),
    (mailings.c.recall_to == RecallTo.CANCELLED.value, MailingStatus.CANCELLED.value),
    else_=MailingStatus.PAUSED.value,
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
    """Whether a worker may be posting for this mailing, which is `recalling`: what comes after the cancellation might go.

    Claims are ended first. Whoever starts one of them at this moment holds its row, and is waited for and seen: after
    this, nothing of the mailing can start any more.
    """
    of_it = batches.c.mailing_id == mailing_id
    ended = update(batches).where(of_it, batches.c.status == BatchStatus.CLAIMED)
    changed(connection, ended.values(status=BatchStatus.PENDING, claim_token=None, lease_until=None))
    query = select(batches.c.id).where(of_it, batches.c.status == BatchStatus.SUBMITTING)
    return connection.execute(query.limit(1)).first() is not None


def anything_waits(connection: Connection, generation: Generation) -> bool:
    """Whether mail may be waiting under a generation's id: whether any call under it was, or may have been, taken."""
    query = (
        select(submissions.c.id)
        .join(batches, batches.c.id == submissions.c.batch_id)
        .where(
            batches.c.mailing_id == generation.mailing_id,
            submissions.c.generation == generation.number,
            or_(submissions.c.answer.is_(None), submissions.c.answer.in_(_PERHAPS_TAKEN)),
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def note_in_time(connection: Connection, generation: Generation, now: datetime) -> None:
    """SendGrid has said yes to the cancellation by `now`. Where that is early enough, it is remembered: it will hold."""
    in_time = generations.c.send_at > now + OBEYS
    unknown = generations.c.cancelled_at.is_(None)
    changed(connection, update(generations).where(is_generation(generation), in_time, unknown).values(cancelled_at=now))


def finish_recall(connection: Connection, generation: Generation, now: datetime, *, unused: bool = False) -> bool:
    """The next generation begins, and nothing of the old one counts any more. True if this call did it.

    SendGrid says that its mail is cancelled; or nothing was handed over under its id (`unused`), and nobody was asked.
    Skipped and refused deliveries stay so, as do batches that ended without a call.
    """
    mailing_id, after = generation.mailing_id, generation.number + 1
    posting = exists().where(batches.c.mailing_id == mailing_id, batches.c.status == BatchStatus.SUBMITTING)
    trouble = mailings.c.needs_attention.startswith(TROUBLE, autoescape=True)
    status = _end(
        connection,
        generation,
        ~posting,
        {
            "generation": after,
            "sendgrid_batch_id": None,
            "needs_attention": case((trouble, null()), else_=mailings.c.needs_attention),
        },
        now,
    )
    if status is None:
        return False
    state = GenerationState.FREED if unused else GenerationState.CANCELLED
    ended = update(generations).where(is_generation(generation)).values(state=state)
    changed(connection, ended)
    changed(connection, ended.where(generations.c.cancelled_at.is_(None)).values(cancelled_at=now))
    ends = BatchStatus.CANCELLED if status == MailingStatus.CANCELLED else BatchStatus.PENDING
    changed(
        connection,
        update(batches)
        .where(batches.c.mailing_id == mailing_id, batches.c.status.in_(_TAKEN_BACK))
        .values(status=ends, generation=after, claim_token=None, lease_until=None, not_before=None, problem=None),
    )
    # What was said of mail that is thrown away says nothing about the mail that follows.
    in_it = select(batches.c.id).where(batches.c.mailing_id == mailing_id, batches.c.generation == after)
    changed(
        connection,
        update(deliveries)
        .where(
            deliveries.c.mailing_id == mailing_id,
            deliveries.c.batch_id.in_(in_it),
            deliveries.c.outcome.is_not(None),
            deliveries.c.skipped_reason.is_(None),
        )
        .values(outcome=None, outcome_at=None),
    )
    return True


def fail_recall(
    connection: Connection, generation: Generation, reason: str, now: datetime, *, doubtful: bool = False
) -> bool:
    """What was handed over was not cancelled in time and goes. The rest is staged, paused or cancelled as was wished.

    `doubtful`: nobody can tell whether it goes; then it is uncertain. True if this call did it.
    """
    status = _end(connection, generation, literal(True), {"needs_attention": reason}, now)
    if status is None:
        return False
    log_attention(generation.mailing_id, reason)
    if doubtful:
        doubt(connection, generation, reason)
    if status == MailingStatus.CANCELLED:
        waiting = batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED))
        changed(
            connection,
            update(batches)
            .where(batches.c.mailing_id == generation.mailing_id, waiting)
            .values(status=BatchStatus.CANCELLED, claim_token=None, lease_until=None),
        )
    return True


def doubt(connection: Connection, generation: Generation, reason: str) -> int:
    """What was submitted under a generation's id is uncertain: it may have been thrown away. Returns how many batches."""
    return changed(
        connection,
        update(batches)
        .where(
            batches.c.mailing_id == generation.mailing_id,
            batches.c.generation == generation.number,
            batches.c.status == BatchStatus.SUBMITTED,
        )
        .values(status=BatchStatus.UNCERTAIN, problem=reason),
    )


def due_for_decision(connection: Connection) -> list[tuple[int, int, datetime, bool]]:
    """Staged mailings with uncertain batches: id, audience, hour, and whether nothing else is open in the generation."""
    uncertain = exists().where(batches.c.mailing_id == mailings.c.id, batches.c.status == BatchStatus.UNCERTAIN)
    busy = exists().where(
        batches.c.mailing_id == mailings.c.id,
        batches.c.status.in_((BatchStatus.PENDING, BatchStatus.CLAIMED, BatchStatus.SUBMITTING)),
        batches.c.set_aside.is_(None),
    )
    query = select(mailings.c.id, mailings.c.audience, mailings.c.send_at, ~busy).where(CAN_RECALL, uncertain)
    return [(row[0], row[1], row[2], bool(row[3])) for row in connection.execute(query.order_by(mailings.c.id))]


def _end(
    connection: Connection,
    generation: Generation,
    condition: ColumnElement[bool],
    values: dict[str, Any],
    now: datetime,
) -> MailingStatus | None:
    """Let a mailing become what was wished; its new status, or None where this recall is over already."""
    cancelled = mailings.c.recall_to == RecallTo.CANCELLED.value
    ended_at = case((cancelled, literal(now, mailings.c.finished_at.type)), else_=None)
    row = connection.execute(
        update(mailings)
        .where(
            mailings.c.id == generation.mailing_id,
            mailings.c.status == MailingStatus.RECALLING,
            mailings.c.generation == generation.number,
            condition,
        )
        .values(status=_TARGET, recall_to=None, finished_at=ended_at, **values)
        .returning(mailings.c.status, mailings.c.generation)
    ).one_or_none()
    if row is None:
        return None
    log_move("mailing", generation.mailing_id, MailingStatus.RECALLING, row.status, generation=row.generation)
    return MailingStatus(row.status)
