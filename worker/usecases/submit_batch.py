"""Submit one batch: claim, start, call, settle. Every answer has one move; no transaction is open during the call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import assert_never

from worker.domain.delivery import SkipReason, StartedBatch
from worker.errors import BroadsheetError
from worker.providers.base import (
    Accepted,
    Addressee,
    Answer,
    Mailbox,
    RateLimited,
    RefusalKind,
    Refused,
    Submission,
    Unavailable,
    Unknown,
    Validated,
)
from worker.providers.sendgrid_limits import over_limit
from worker.store.engine import Connection, writing
from worker.store.ledger import settle
from worker.store.ledger.claim import claim_batch, has_claimable, release_claim
from worker.store.ledger.due import database_clock
from worker.store.ledger.mailings import pause_mailing
from worker.store.ledger.split import split_batch
from worker.store.ledger.start import skip_deliveries, start_batch
from worker.usecases.desk import Desk, category

RATE_LIMIT_PAUSE = timedelta(seconds=10)  # where a 429 names no time
LONGEST_PAUSE = timedelta(hours=1)  # a header may not stop a mailing for longer than this
UNCERTAIN_LIMIT = 3  # uncertain answers in a row that pause a mailing


class Round(Enum):
    """Whether another batch may follow at once."""

    GO_ON = "go on"
    STOP = "stop"


def submit_next_batch(desk: Desk) -> Round:
    """Submit one batch; STOP where none may go, or where the provider asked to wait."""
    with writing(desk.engine) as connection:
        batch = claim_batch(connection, desk.mailing.id, desk.terms.lease_millis)
        beaten = batch is None and has_claimable(connection, desk.mailing.id)
    if batch is None:
        return Round.GO_ON if beaten else Round.STOP
    with writing(desk.engine) as connection:
        started = start_batch(
            connection, batch, desk.mailing, desk.terms.lease_millis, _now(), count_referrals=desk.counts_referrals
        )
        if started is None:
            release_claim(connection, batch)
    if started is None:
        return Round.STOP
    submission = _submission(desk, started)
    if submission is None:
        return Round.GO_ON
    desk.terms.mark.note(desk.identity, started.submission_id)
    try:
        answer = desk.provider.submit(submission)
    except BroadsheetError as wrong:
        # Found before anything was sent: a submission SendGrid could only refuse as a whole.
        return _settle(desk, started, submission, Refused(RefusalKind.MESSAGE, 0, wrong.what))
    except BaseException as broken:
        # Not an answer: a bug, or the job was stopped in mid-call. Nobody knows what left the house.
        _settle(desk, started, submission, Unknown(f"the call broke off: {type(broken).__name__}"))
        raise
    return _settle(desk, started, submission, answer)


def _submission(desk: Desk, started: StartedBatch) -> Submission | None:
    """The POST for a started batch; None where nobody is left in it."""
    edition, writer = desk.editions[started.batch.edition_id], desk.writers[started.batch.edition_id]
    addressees: list[Addressee] = []
    too_large: list[int] = []
    for recipient in started.recipients:
        values, unsubscribe_url = writer.write(recipient)
        if over_limit(values):
            too_large.append(recipient.delivery_id)
        else:
            addressees.append(Addressee(recipient.delivery_id, recipient.address, values, unsubscribe_url))
    if too_large:
        with writing(desk.engine) as connection:
            skip_deliveries(connection, too_large, SkipReason.UNMERGEABLE)
            if not addressees:
                settle.settle_empty(connection, started, _now())
    if not addressees:
        return None
    publication, mailing = desk.terms.publication, desk.mailing
    return Submission(
        key=started.submission_key,
        sender=Mailbox(publication.sender, publication.name),
        reply_to=publication.reply_to,
        subject=edition.subject,
        html=edition.html,
        text=edition.text,
        list_id=publication.list_id,
        addressees=addressees,
        categories=(category(mailing),),
        sendgrid_batch_id=mailing.sendgrid_batch_id,
        send_at=mailing.send_at if mailing.sendgrid_batch_id else None,
        sandbox=desk.terms.sandbox,
    )


def _settle(desk: Desk, started: StartedBatch, submission: Submission, answer: Answer) -> Round:
    with writing(desk.engine) as connection:
        return _move(connection, desk, started, submission, answer)


def _move(connection: Connection, desk: Desk, started: StartedBatch, submission: Submission, answer: Answer) -> Round:
    now = _now()
    match answer:
        case Accepted(message_id):
            settle.settle_accepted(connection, started, now, message_id=message_id)
            return Round.GO_ON
        case Validated():
            settle.settle_accepted(connection, started, now, validated=True)
            return Round.GO_ON
        case Refused():
            return _refuse(connection, desk, started, submission, answer, now)
        case RateLimited(retry_at):
            clock = database_clock(connection)
            wanted = retry_at or clock + RATE_LIMIT_PAUSE
            until = min(max(wanted, clock + timedelta(seconds=1)), clock + LONGEST_PAUSE)
            settle.settle_pending(
                connection, started, "rate_limited", now, not_before=until, problem="rate limited", status_code=429
            )
            settle.hold_back(connection, desk.mailing.id, until)
            return Round.STOP
        case Unavailable(reason):
            until = database_clock(connection) + timedelta(seconds=min(2**started.batch.attempts, 60))
            settle.settle_pending(connection, started, "unavailable", now, not_before=until, problem=reason)
            settle.hold_back(connection, desk.mailing.id, until)
            return Round.STOP
        case Unknown(reason, status):
            settle.settle_uncertain(connection, started, now, problem=reason, status_code=status)
            if settle.uncertain_in_a_row(connection, desk.mailing.id, UNCERTAIN_LIMIT):
                attention = f"{UNCERTAIN_LIMIT} uncertain answers in a row, the last: {reason}"
                pause_mailing(connection, desk.mailing.id, attention)
                return Round.STOP
            return Round.GO_ON
        case _:
            assert_never(answer)


def _refuse(
    connection: Connection, desk: Desk, started: StartedBatch, submission: Submission, refused: Refused, now: datetime
) -> Round:
    match refused.kind:
        case RefusalKind.ROWS:
            rows = {submission.addressees[index].delivery_id: reason for index, reason in refused.rows.items()}
            settle.settle_refused_rows(
                connection, started, rows, now, problem=refused.reason, status_code=refused.status
            )
            return Round.GO_ON
        case RefusalKind.SIZE | RefusalKind.UNNAMED:
            split_batch(connection, started, now, problem=refused.reason, status_code=refused.status)
            return Round.GO_ON
        case RefusalKind.MESSAGE | RefusalKind.ACCOUNT:
            settle.settle_pending(
                connection, started, "refused", now, not_before=None, problem=refused.reason, status_code=refused.status
            )
            pause_mailing(
                connection, desk.mailing.id, f"refused ({refused.status or 'before sending'}): {refused.reason}"
            )
            return Round.STOP
        case _:
            assert_never(refused.kind)


def _now() -> datetime:
    return datetime.now(UTC)
