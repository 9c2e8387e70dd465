"""Pause, resume, cancel: an operator's three commands, at any moment, from any host, as often as they like.

Each is one conditional move of the ledger's and what it left, read in the same transaction; what it did not do again is
told by the state the mailing is in afterwards. A function for each command: whatever else a command should do to mail
that waits at SendGrid belongs into the moves these call (worker/store/ledger/mailings.py, recall.py), and what is to be
enqueued then into `_next`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.domain.delivery import DeliveryState
from worker.domain.mailing import Mailing, MailingStatus, Queue
from worker.domain.staging import RecallTo
from worker.errors import UsageError
from worker.store.engine import Connection, Engine, reading, write
from worker.store.ledger.counts import count_deliveries, total
from worker.store.ledger.mailings import cancel_mailing, get_mailing, list_mailings, pause_mailing, resume_mailing
from worker.usecases.due import Due

_ENDED = (MailingStatus.FINISHED, MailingStatus.CANCELLED)
_GOING = (MailingStatus.SCHEDULED, MailingStatus.PLANNING, MailingStatus.SENDING, MailingStatus.STAGED)


@dataclass(frozen=True, slots=True)
class Turned:
    """A mailing as a command left it. `done`: by this call; else it had been said before, or there was no need.

    `states` counts its messages at that moment; `due` is what to enqueue.
    """

    mailing: Mailing
    done: bool
    states: Mapping[DeliveryState, int]
    due: tuple[Due, ...]

    @property
    def recalling(self) -> bool:
        """Whether what waits at SendGrid is being taken back first."""
        return self.mailing.status is MailingStatus.RECALLING


def pause(engine: Engine, mailing_id: int) -> Turned:
    """Stop every further start. Raises UsageError where the mailing is over, or about to be."""
    turned = write(engine, lambda connection: _turn(connection, mailing_id, RecallTo.PAUSED, pause_mailing))
    if not turned.done and (_over(turned.mailing) or turned.mailing.status in _GOING):
        raise UsageError(f"{_is(turned.mailing)}; there is nothing to pause")
    return turned


def resume(engine: Engine, mailing_id: int) -> Turned:
    """Go on after a pause. Raises UsageError where the mailing is over, or about to be."""
    turned = write(engine, lambda connection: _turn(connection, mailing_id, RecallTo.STAGED, resume_mailing))
    if _over(turned.mailing):
        raise UsageError(f"{_is(turned.mailing)}; there is nothing to resume")
    return turned


def cancel(engine: Engine, mailing_id: int, now: datetime) -> Turned:
    """Take back what was not started, and what waits at SendGrid. Raises UsageError where it is finished."""

    def move(connection: Connection, of: int) -> bool:
        return cancel_mailing(connection, of, now)

    turned = write(engine, lambda connection: _turn(connection, mailing_id, RecallTo.CANCELLED, move))
    refuse_finished(turned.mailing)
    return turned


def refuse_finished(mailing: Mailing) -> None:
    """Raise UsageError where nothing of a mailing can be taken back any more."""
    if mailing.status is MailingStatus.FINISHED:
        raise UsageError(f"{mailing.key} is finished: every message was handed over, nothing can be taken back")


def pause_all(engine: Engine) -> list[Turned]:
    """Pause every mailing that goes or will go. What is scheduled afterwards is not paused."""
    with reading(engine) as connection:
        going = list_mailings(connection, (*_GOING, MailingStatus.RECALLING))
    return _each(engine, [one for one in going if one.recall_to != RecallTo.CANCELLED], pause)


def resume_all(engine: Engine) -> tuple[list[Turned], list[Mailing]]:
    """Resume every mailing that a person paused; and those that are left, for they were paused for a reason."""
    with reading(engine) as connection:
        paused = list_mailings(connection, (MailingStatus.PAUSED, MailingStatus.RECALLING))
    paused = [one for one in paused if one.recall_to in (None, RecallTo.PAUSED)]
    left = [one for one in paused if one.needs_attention]
    return _each(engine, [one for one in paused if not one.needs_attention], resume), left


def _each(engine: Engine, mailings: list[Mailing], turn: Callable[[Engine, int], Turned]) -> list[Turned]:
    turned = []
    for mailing in reversed(mailings):  # oldest first
        try:
            turned.append(turn(engine, mailing.id))
        except UsageError:  # it ended meanwhile
            continue
    return turned


def _turn(connection: Connection, mailing_id: int, to: RecallTo, move: Callable[[Connection, int], bool]) -> Turned:
    before = _read(connection, mailing_id)
    done = move(connection, mailing_id) and not _headed(before, to)
    mailing = _read(connection, mailing_id)
    states = total(count_deliveries(connection, mailing_id), mailing.audience).by_state
    return Turned(mailing, done, states, _next(mailing) if done else ())


def _next(mailing: Mailing) -> tuple[Due, ...]:
    """What may go on at once, instead of at the clock's next tick."""
    match mailing.status:
        case MailingStatus.RECALLING:
            return (Due("recall_mailing", mailing.id, Queue.PROMPT),)
        case MailingStatus.SCHEDULED:
            return (Due("plan_mailing", mailing.id, mailing.rules.queue),)
        case MailingStatus.STAGED:
            return (Due("stage_mailing", mailing.id, Queue.PROMPT),)
        case MailingStatus.SENDING:
            return (Due("submit_batches", mailing.id, mailing.rules.queue),)
    return ()


def _read(connection: Connection, mailing_id: int) -> Mailing:
    mailing = get_mailing(connection, mailing_id)
    if mailing is None:
        raise UsageError(f"there is no mailing {mailing_id}", fix="`broadsheet status` lists them")
    return mailing


def _headed(mailing: Mailing, to: RecallTo) -> bool:
    """Whether it is being taken back to become just that."""
    return mailing.status is MailingStatus.RECALLING and mailing.recall_to == to


def _over(mailing: Mailing) -> bool:
    return mailing.status in _ENDED or _headed(mailing, RecallTo.CANCELLED)


def _is(mailing: Mailing) -> str:
    return f"{mailing.key} is {'being cancelled' if _headed(mailing, RecallTo.CANCELLED) else mailing.status}"
