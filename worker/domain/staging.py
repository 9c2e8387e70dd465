"""Staging: mail that is handed over ahead of its hour and waits at SendGrid, where it can still be taken back.

Pure arithmetic: what is staged, from when on, and until when each step makes sense. The moves are in
worker/store/ledger/staging.py and recall.py; docs/delivery.md explains them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

AHEAD = timedelta(hours=1)  # a broadcast scheduled at least so long before its hour is staged
FARTHEST = timedelta(hours=20)  # handed over no earlier than this before the hour: an id is not used for a day
SHORTEST = timedelta(minutes=45)
SPARE = timedelta(minutes=20)  # beside twice the estimated submission
SPEED = 2_000  # recipients a second over the internet, a cautious guess: one worker with an answer after half a second

CUTOFF = timedelta(minutes=12)  # before the hour: no start, no recall any more
LAST_ASK = timedelta(minutes=11)  # before the hour: the last request to cancel begins
OBEYS = timedelta(minutes=10)  # before the hour: a later cancellation is "not guaranteed" (the same page of SendGrid's)
ID_AGE = timedelta(hours=24)  # an older batch id is not used; SendGrid keeps them for ten days
RESTAGE = timedelta(minutes=14)  # what is left before the hour must be longer than this to stage at all
SLOTS = 10  # ids paused or cancelled at a time, per account ("Cancel Scheduled Sends" in SendGrid's reference, 2026-07)
FREED_AFTER = timedelta(hours=1)  # after the hour: a slot is given back; before it, that would revive the mail
GENERATIONS = 2  # tries that need no person


class GenerationState(StrEnum):
    """What is known of the mail under one batch id."""

    OPEN = "open"  # goes at its hour
    CANCELLING = "cancelling"  # asked for, not read back yet
    CANCELLED = "cancelled"  # read back: will be thrown away at its hour
    FREED = "freed"  # cancelled, its hour is past, and the slot is given back


class RecallTo(StrEnum):
    """What a mailing becomes once its mail was taken back."""

    STAGED = "staged"
    PAUSED = "paused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Generation:
    """One batch id of a mailing; `number` counts from 0. `in_time`: SendGrid took the cancellation while it still obeys."""

    mailing_id: int
    number: int
    sendgrid_batch_id: str
    send_at: datetime
    state: GenerationState
    cancel_asked_at: datetime | None = None
    in_time: bool = False


def submission_time(audience: int, per_second: float | None = None) -> timedelta:
    """How long so many messages take to hand over; `per_second` is the account's limit, where there is one."""
    return timedelta(seconds=audience / min(SPEED, per_second or SPEED))


def stage_from(send_at: datetime, now: datetime, audience: int, per_second: float | None = None) -> datetime | None:
    """From when on a broadcast is handed over ahead of its hour; None where it is not staged.

    Not before `now`, and never farther ahead than a batch id is used for.
    """
    ahead = max(SHORTEST, 2 * submission_time(audience, per_second) + SPARE)
    if send_at - now < AHEAD or ahead > FARTHEST:
        return None
    return max(now, send_at - ahead)


def decide_by(send_at: datetime, audience: int, per_second: float | None = None) -> datetime:
    """When uncertain batches are decided at the latest, so that all can be taken back and handed over once more.

    `stage_from` leaves twice the submission and SPARE: one submission has passed by then, and the other still fits.
    """
    return send_at - SPARE - submission_time(audience, per_second)
