"""Choose preferences: everything, launches only, or a pause until a day. The ledger reads them again just before each call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from worker.domain.calendar import instant, wall_time
from worker.domain.subscriber import Subscriber, Wants
from worker.store.consent import set_preferences, surviving
from worker.store.engine import Connection, Engine, write

LONGEST_PAUSE = timedelta(days=731)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a reader receives. `paused_until` is the day on which mail comes again, on the publication's calendar."""

    wants: Wants = Wants.EVERYTHING
    paused_until: date | None = None


def preferences_of(subscriber: Subscriber, zone: str, now: datetime) -> Preferences:
    """A subscriber's preferences; a pause that is over is none."""
    until = subscriber.paused_until
    day = wall_time(until, zone).date() if until is not None and until > now else None
    return Preferences(subscriber.wants, day)


def read_preferences(wants: str, paused_until: str, zone: str, now: datetime) -> Preferences:
    """What a form says: `everything` or `launches`, and a day such as 2026-12-24 or nothing. ValueError in a reader's words."""
    try:
        chosen = Wants(wants)
    except ValueError:
        raise ValueError("Choose what you want to receive.") from None
    if not paused_until.strip():
        return Preferences(chosen)
    try:
        day = date.fromisoformat(paused_until.strip())
    except ValueError:
        raise ValueError("That is no day. Write it like 2026-12-24.") from None
    today = wall_time(now, zone).date()
    if day <= today:
        raise ValueError("Choose a day that is still to come, or leave it empty.")
    if day > today + LONGEST_PAUSE:
        raise ValueError("Choose a day within the next two years. To stop for good, unsubscribe.")
    return Preferences(chosen, day)


def choose_preferences(engine: Engine, subscriber_id: int, chosen: Preferences, zone: str) -> bool:
    """Write them; False where there is no confirmed subscriber to write them for."""
    day = chosen.paused_until
    until = None if day is None else instant(datetime.combine(day, time()), zone)

    def choose(connection: Connection) -> bool:
        subscriber = surviving(connection, subscriber_id)
        return subscriber is not None and set_preferences(connection, subscriber.id, chosen.wants, until)

    return write(engine, choose)
