"""Grant paid time: months that begin when what is there ends, or everything until a day. The same key counts once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from worker.domain.plan import GIVEN, MONTHS_MOST, PlanState, day_after
from worker.errors import UsageError
from worker.store.engine import Connection, Engine, write
from worker.store.grants import NewGrant, give
from worker.usecases.find_subscriber import find_subscriber


@dataclass(frozen=True, slots=True)
class Granted:
    """`given` is False where the key had been given before. The plan is the one they have now."""

    given: bool
    state: PlanState


def grant_plan(
    engine: Engine,
    address: str,
    *,
    key: str,
    source: str,
    months: int | None = None,
    until: date | None = None,
    note: str = "",
    zone: str,
    now: datetime,
) -> Granted:
    """Give the subscriber with this address `months`, or paid time until the end of the day `until` in `zone`.

    Raises UsageError for what makes no sense, NobodyThere for an address nobody has.
    """
    if source not in GIVEN:
        raise UsageError(f"paid time is not {source!r}", fix=f"use one of {', '.join(GIVEN)}")
    if (months is None) == (until is None):
        raise UsageError("paid time is a number of months, or lasts until a day", fix="give --months or --until")
    if months is not None and not 1 <= months <= MONTHS_MOST:
        raise UsageError(f"{months} months are not given at once", fix=f"give 1 to {MONTHS_MOST}")
    ends_at = None if until is None else day_after(until, zone)
    if ends_at is not None and ends_at <= now:
        raise UsageError(f"{until} has passed", fix="name a day to come")
    new = NewGrant(key, source, months, ends_at, note)

    def act(connection: Connection) -> Granted:
        found = find_subscriber(connection, address)
        given = give(connection, found.id, new, zone, now)
        after = find_subscriber(connection, address)
        return Granted(given, PlanState(after.plan, after.plan_source, after.plan_ends_at))

    return write(engine, act)
