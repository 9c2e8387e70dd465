"""Undo leaving: the page after leaving offers it for a day, by a button. It takes back that one leaving and nothing else.

What a link did, a link may take back; a complaint, a bounce, or an operator's no is not undone here. They are mailed again
once SendGrid's list has let them go (lift_suppressions.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from worker.domain.mailing import Queue
from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.domain.suppression import SuppressionReason
from worker.store.consent import ask_return, held, hold_surviving, surviving
from worker.store.engine import Connection, Engine, reading, write
from worker.usecases.due import Due
from worker.usecases.lift_suppressions import TASK

FOR_SO_LONG = timedelta(days=1)


def may_undo(engine: Engine, subscriber_id: int, now: datetime) -> Subscriber | None:
    """The subscriber, where their leaving can still be taken back; its moment is their `unsubscribed_at`."""
    with reading(engine) as connection:
        subscriber = surviving(connection, subscriber_id)
        return subscriber if subscriber is not None and _undoable(connection, subscriber, now) else None


def undo_leaving(engine: Engine, subscriber_id: int, left_at: datetime, now: datetime) -> tuple[bool, list[Due]]:
    """Take back the leaving of that moment (to the second); whether they are subscribed now, and the job for after it.

    Pressing twice is answered as once. Raises nothing for somebody who is not here any more: they are not subscribed.
    """
    return write(engine, lambda connection: _undo(connection, subscriber_id, left_at, now))


def _undo(connection: Connection, subscriber_id: int, left_at: datetime, now: datetime) -> tuple[bool, list[Due]]:
    subscriber = hold_surviving(connection, subscriber_id)
    if subscriber is None:
        return False, []
    if subscriber.status is SubscriberStatus.CONFIRMED:
        return True, []
    if subscriber.unsubscribed_at is None or int(subscriber.unsubscribed_at.timestamp()) != int(left_at.timestamp()):
        return False, []
    if not _undoable(connection, subscriber, now):
        return False, []
    evidence = f"undone on the page after leaving at {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    consent = "; ".join(filter(None, (subscriber.consent, f"left {_moment(left_at)}, {evidence}")))
    done = ask_return(connection, subscriber, now, evidence, consent, subscriber.source)
    return done, [Due(TASK, 0, Queue.PROMPT)] if done else []


def _undoable(connection: Connection, subscriber: Subscriber, now: datetime) -> bool:
    left_at = subscriber.unsubscribed_at
    if subscriber.status is not SubscriberStatus.UNSUBSCRIBED or left_at is None or now > left_at + FOR_SO_LONG:
        return False
    if subscriber.confirmed_at is None:  # they never said yes: there is nothing to go back to
        return False
    suppressed = held(connection, subscriber.address_key)
    if suppressed is None or suppressed.reason is not SuppressionReason.UNSUBSCRIBED:
        return False
    return suppressed.evidence.startswith("link")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
