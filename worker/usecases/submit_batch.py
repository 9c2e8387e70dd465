"""Submit one batch: start, call, settle. Every answer has one move; no transaction is open during the call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import assert_never

from worker.domain.delivery import SkipReason, StartedBatch
from worker.domain.pace import Part, Taken, Wait
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
from worker.store.engine import Connection, DatabaseError, may_pass, writing
from worker.store.ledger import settle
from worker.store.ledger.claim import release_claim
from worker.store.ledger.due import database_clock
from worker.store.ledger.mailings import pause_mailing
from worker.store.ledger.outage import OUTAGE, RATE_LIMITED, note_outage
from worker.store.ledger.refusals import set_aside_if_refused_often
from worker.store.ledger.set_aside import calls_in_vain, set_aside_if_unreached
from worker.store.ledger.split import split_batch
from worker.store.ledger.start import skip_deliveries, start_batch
from worker.store.ledger.uncertain import pause_if_uncertain
from worker.store.pace import ACCOUNT, block, return_tokens
from worker.usecases.break_off import break_off, call_off, may_pass_by_itself
from worker.usecases.desk import Desk, category
from worker.usecases.ready_batch import ReadyBatch, write_addressees
from worker.usecases.take_turns import take
from worker.usecases.watch_restore import Restored, fence_if_restored

EVERYBODY = 10  # so many rows refused for one reason, and no other in the batch: then it is not the rows
RATE_LIMIT_PAUSE = timedelta(seconds=10)  # where a 429 names no time
SETTLE_SECONDS = 40.0  # how long an answer in hand is tried to be written: longer than one wait for SQLite's lock
SETTLE_PAUSE_SECONDS = 0.2
LONGEST_PAUSE = timedelta(hours=1)  # a header may not stop the account for longer than this


class Round(Enum):
    """Whether another batch may follow at once."""

    GO_ON = "go on"
    STOP = "stop"


@dataclass(frozen=True)
class Outgoing:
    """A started batch, its POST, which must begin by `call_by` (see `_awake`), and the tokens `taken` for it."""

    started: StartedBatch
    submission: Submission
    call_by: float
    taken: Taken


def start(desk: Desk, ready: ReadyBatch) -> Outgoing | Round | Wait | Part:
    """Start a ready batch. Where there is nothing to call: STOP if it may not go, GO_ON if nobody is left in it.

    Wait or Part: there are not enough tokens; the batch stays claimed, and nothing was taken. A batch for which something
    is raised is given back and counted, and the next one may go.
    """
    call_by = _awake() + desk.terms.delay_seconds
    try:
        begun = _start(desk, ready)
    except Restored:  # the batch stays claimed until its lease runs out, in the database as it is now
        fence_if_restored(desk.engine, desk.terms.mark)
        return Round.STOP
    except Exception as broken:
        if may_pass_by_itself(broken):
            raise
        break_off(desk, ready.batch, broken)
        return Round.GO_ON
    if not isinstance(begun, _Begun):
        return begun
    started = begun.started
    try:
        desk.terms.mark.note(desk.identity, started.submission_id)
        return Outgoing(started, build_submission(desk, started, begun.addressees), call_by, begun.taken)
    except Exception as broken:
        call_off(desk, started, begun.taken, broken)
        return Round.STOP if isinstance(broken, OSError) else Round.GO_ON


@dataclass(frozen=True)
class _Begun:
    started: StartedBatch
    addressees: list[Addressee]
    taken: Taken


def _start(desk: Desk, ready: ReadyBatch) -> _Begun | Round | Wait | Part:
    with writing(desk.engine) as connection:
        taken = take(connection, desk, len(ready.owed))
        if not isinstance(taken, Taken):
            return taken
        started = start_batch(
            connection,
            ready.batch,
            desk.mailing,
            desk.terms.lease_millis,
            _now(),
            owed=ready.owed,
            friends=desk.friends,
        )
        if started is None:
            release_claim(connection, ready.batch)
            return_tokens(connection, taken, len(ready.owed))
            return Round.STOP
        if started.submission_id and desk.terms.mark.disowns(connection, started.submission_id):
            raise Restored
        addressees = _addressees(connection, desk, ready, started)
        return_tokens(connection, taken, len(ready.owed) - len(addressees))
    return _Begun(started, addressees, taken) if addressees else Round.GO_ON


def call(desk: Desk, outgoing: Outgoing) -> Answer:
    """Post it, once; not at all where so much time has passed that the batch may have been swept. What is raised is no answer: see `settle_broken`."""
    if _awake() > outgoing.call_by:
        return Unavailable("its worker stood still between start and call")
    try:
        return desk.provider.submit(outgoing.submission)
    except BroadsheetError as wrong:
        # Found before anything was sent: a submission SendGrid could only refuse as a whole.
        return Refused(RefusalKind.MESSAGE, 0, wrong.what)


def settle_answer(desk: Desk, outgoing: Outgoing, answer: Answer) -> Round:
    """Write down what came back and move the batch.

    A database that is restarting, locked or full is tried again for a while: only this process knows the answer, and
    without it the batch would be uncertain. Every move asks for the batch's token, so one that was made is not made twice.
    """
    until = _awake() + SETTLE_SECONDS
    while True:
        try:
            with writing(desk.engine) as connection:
                if isinstance(answer, Refused | RateLimited | Unavailable):  # nothing of it was sent
                    return_tokens(connection, outgoing.taken, len(outgoing.submission.addressees))
                return _move(connection, desk, outgoing.started, outgoing.submission, answer)
        except DatabaseError as trouble:
            if not may_pass(trouble) or _awake() > until:
                raise
            time.sleep(SETTLE_PAUSE_SECONDS)


def settle_broken(desk: Desk, outgoing: Outgoing, broken: BaseException) -> None:
    """The call raised (a bug) or was stopped in the middle: nobody knows what left the house."""
    settle_answer(desk, outgoing, Unknown(f"the call broke off: {type(broken).__name__}"))


def _addressees(connection: Connection, desk: Desk, ready: ReadyBatch, started: StartedBatch) -> list[Addressee]:
    """Who the call is for. A recipient that `start` gave back as it was keeps the merge values written before."""
    if started.recipients == ready.owed:
        written = list(ready.addressees)
    else:
        known = dict(zip(ready.owed, ready.addressees, strict=True))
        fresh = [one for one in started.recipients if one not in known]
        known.update(zip(fresh, write_addressees(desk.writers[ready.batch.edition_id], fresh), strict=True))
        written = [known[one] for one in started.recipients]
    addressees = [one for one in written if one is not None]
    if len(addressees) != len(started.recipients):
        lacking = [one.delivery_id for one, of in zip(started.recipients, written, strict=True) if of is None]
        skip_deliveries(connection, lacking, SkipReason.UNMERGEABLE)
        if not addressees:
            settle.settle_empty(connection, started, _now())
    return addressees


def build_submission(desk: Desk, started: StartedBatch, addressees: list[Addressee]) -> Submission:
    """The POST for these addressees of a started batch."""
    publication, mailing, edition = desk.terms.publication, desk.mailing, desk.editions[started.batch.edition_id]
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
        sendgrid_batch_id=started.sendgrid_batch_id,
        send_at=started.send_at,
        sandbox=desk.terms.sandbox,
        counts_clicks=desk.terms.counts_clicks and desk.mailing.rules.preferences,  # not of mail about an account
        past_opt_outs=mailing.rules.asks,
    )


def _move(connection: Connection, desk: Desk, started: StartedBatch, submission: Submission, answer: Answer) -> Round:
    now = _now()
    match answer:
        case Accepted(message_id, reset_at):
            settle.settle_accepted(connection, started, now, message_id=message_id)
            return Round.GO_ON if reset_at is None else _block_account(connection, reset_at)
        case Validated():
            settle.settle_accepted(connection, started, now, validated=True)
            return Round.GO_ON
        case Refused():
            return _refuse(connection, desk, started, submission, answer, now)
        case RateLimited(retry_at):
            settle.settle_pending(
                connection, started, "rate_limited", now, not_before=None, problem="rate limited", status_code=429
            )
            note_outage(connection, desk.mailing.id, "rate limited", now, RATE_LIMITED)
            return _block_account(connection, retry_at)
        case Unavailable(reason):
            clock = database_clock(connection)
            own = clock + timedelta(seconds=min(2**started.batch.attempts, 60))
            settle.settle_pending(connection, started, "unavailable", now, not_before=own, problem=reason)
            # As long as the whole mailing has been calling in vain: one batch that nobody takes must not hold the others.
            in_vain = calls_in_vain(connection, desk.mailing.id, limit=7)
            settle.hold_back(connection, desk.mailing.id, clock + timedelta(seconds=min(2 ** (in_vain - 1), 60)))
            set_aside_if_unreached(connection, started.batch.id, reason)
            note_outage(connection, desk.mailing.id, reason, now, OUTAGE)
            return Round.STOP
        case Unknown(reason, status):
            settle.settle_uncertain(connection, started, now, problem=reason, status_code=status)
            paused = pause_if_uncertain(connection, [desk.mailing.id], reason)
            return Round.STOP if paused else Round.GO_ON
        case _:
            assert_never(answer)


def everybody_for_one_reason(rows: Mapping[int, str], addressees: int) -> str:
    """Why the message is to blame where a refusal names rows: all of many, for the same reason. Else empty."""
    reasons = set(rows.values())
    if addressees < EVERYBODY or len(rows) < addressees or len(reasons) > 1:
        return ""
    return f"SendGrid named all {addressees} addressees of a batch, each for the same reason: {reasons.pop()}"


def _block_account(connection: Connection, until: datetime | None) -> Round:
    """A rate limit is the account's: no mailing claims or starts before its reset."""
    clock = database_clock(connection)
    wanted = until or clock + RATE_LIMIT_PAUSE
    block(connection, ACCOUNT, min(max(wanted, clock + timedelta(seconds=1)), clock + LONGEST_PAUSE))
    return Round.STOP


def _refuse(
    connection: Connection, desk: Desk, started: StartedBatch, submission: Submission, refused: Refused, now: datetime
) -> Round:
    match refused.kind:
        case RefusalKind.ROWS:
            if why := everybody_for_one_reason(refused.rows, len(submission.addressees)):
                return _refuse(
                    connection, desk, started, submission, replace(refused, kind=RefusalKind.MESSAGE, reason=why), now
                )
            rows = {submission.addressees[index].delivery_id: reason for index, reason in refused.rows.items()}
            settle.settle_refused_rows(
                connection, started, rows, now, problem=refused.reason, status_code=refused.status
            )
            set_aside_if_refused_often(connection, started, next(iter(rows.values())))
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


def _awake() -> float:
    """Seconds since the machine started, those asleep included where the system counts them (Linux)."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
