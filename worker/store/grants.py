"""Grants: the list of paid time that was given or bought, and the columns of `subscribers` derived from it.

Whoever writes here holds the subscriber's row first, so two at once go one after the other and neither derives from half
of the list. What an import says of a plan is kept as a grant of its own as soon as there are others, for else it would be
forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.plan import BOUGHT, Grant, PlanState, derive, end_of_day, lay_out
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.domain.trigger import Trigger
from worker.store.engine import Connection
from worker.store.rows import among
from worker.store.tables import grants, subscribers
from worker.store.triggers import note_trigger

_BASE = "import:"  # how the keys of plans begin that an import brought


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A grant to give. `months`, or else `ends_at`: from now till then, None is without an end. `key` counts once."""

    key: str
    source: str
    months: int | None = None
    ends_at: datetime | None = None
    note: str = ""


def read_grants(connection: Connection, subscriber_id: int) -> list[Grant]:
    """What a subscriber was given, oldest first."""
    query = select(grants).where(grants.c.subscriber_id == subscriber_id).order_by(grants.c.granted_at, grants.c.id)
    return [_grant(row) for row in connection.execute(query)]


def give(connection: Connection, subscriber_id: int, new: NewGrant, zone: str, now: datetime) -> bool:
    """Give somebody paid time; False (and nothing changes) where that key was given before, to whomever, or they are erased."""
    row = _hold(connection, subscriber_id)
    if row is None:
        return False
    keep_bought(connection, row, zone, now)
    added = _insert(
        connection, subscriber_id, new.key, new.source, now, now, months=new.months, ends_at=new.ends_at, note=new.note
    )
    state = rederive(connection, subscriber_id, zone, now)
    if added and row.plan != Plan.PAID and state.plan is Plan.PAID:
        note_trigger(connection, Trigger.PAID, subscriber_id, now)
    return added


def revoke(connection: Connection, subscriber_id: int, grant_id: int, zone: str, now: datetime) -> bool:
    """Take a grant back from now on; what was given after it moves up. False where there is none or it was taken back before."""
    row = _hold(connection, subscriber_id)
    if row is None:
        return False
    keep_bought(connection, row, zone, now)
    taken = connection.execute(
        update(grants)
        .where(grants.c.id == grant_id, grants.c.subscriber_id == subscriber_id, grants.c.revoked_at.is_(None))
        .values(revoked_at=now)
    ).rowcount
    rederive(connection, subscriber_id, zone, now)
    return taken == 1


def set_bought(
    connection: Connection,
    subscriber_id: int,
    plan: Plan,
    source: str,
    ends_at: datetime | None,
    zone: str,
    now: datetime,
) -> PlanState | None:
    """What an import says of somebody's plan: it replaces what an import said before, and leaves alone what was given here.

    Returns the plan they have then; None where they are erased.
    """
    row = _hold(connection, subscriber_id)
    if row is None:
        return None
    given = read_grants(connection, subscriber_id)
    if not given:
        state = PlanState(plan, source, ends_at) if plan is Plan.PAID else PlanState(Plan.FREE)
        _write(connection, subscriber_id, state)
        return state
    live = [one for one in given if one.key.startswith(_BASE) and one.revoked_at is None]
    same = [
        one for one in live if plan is Plan.PAID and (one.source, one.ends_at) == (source, _whole_day(ends_at, zone))
    ]
    for one in live:
        if one not in same:
            connection.execute(update(grants).where(grants.c.id == one.id).values(revoked_at=now))
    if plan is Plan.PAID and not same:
        _add_bought(connection, subscriber_id, len(given), source, ends_at, now, zone, now)
    return rederive(connection, subscriber_id, zone, now)


def who_were_given(connection: Connection, subscriber_ids: Collection[int]) -> frozenset[int]:
    """Those among them who were ever given paid time here."""
    ids = sorted(subscriber_ids)
    query = select(grants.c.subscriber_id).where(among(connection, grants.c.subscriber_id, ids)).distinct()
    return frozenset(connection.execute(query).scalars()) if ids else frozenset()


def end_plans(connection: Connection, subscriber_id: int, zone: str, now: datetime) -> PlanState | None:
    """Derive somebody's plan anew because its end may have come; None where they are erased."""
    row = _hold(connection, subscriber_id)
    if row is None:
        return None
    keep_bought(connection, row, zone, now)
    return rederive(connection, subscriber_id, zone, now)


def plans_past_their_end(connection: Connection, now: datetime, most: int | None) -> Sequence[int]:
    """The ids of subscribers whose paid time may have ended, the earliest first; `most` None: all of them."""
    query = (
        select(subscribers.c.id)
        .where(
            subscribers.c.plan_ends_at.is_not(None),
            subscribers.c.plan_ends_at <= now,
            subscribers.c.status != SubscriberStatus.ERASED,
        )
        .order_by(subscribers.c.plan_ends_at, subscribers.c.id)
        .limit(most)
    )
    return connection.execute(query).scalars().all()


def merge_grants(connection: Connection, from_id: int, into_id: int, zone: str, now: datetime) -> None:
    """Give one subscriber's grants to another; both are the same person. What has run its time stays where it ran.

    Months that run, or wait, are stacked anew: whoever had two at a time gets them one after the other.
    """
    for subscriber_id in (from_id, into_id):
        row = _hold(connection, subscriber_id)
        if row is not None:
            keep_bought(connection, row, zone, now)
            _fix_what_has_run(connection, subscriber_id, zone, now)
    connection.execute(update(grants).where(grants.c.subscriber_id == from_id).values(subscriber_id=into_id))
    rederive(connection, into_id, zone, now)


def _fix_what_has_run(connection: Connection, subscriber_id: int, zone: str, now: datetime) -> None:
    given = read_grants(connection, subscriber_id)
    stacked = {one.id for one in given if one.months is not None}
    for span in lay_out(given, zone):
        if span.grant_id in stacked and span.ends_at is not None and span.ends_at <= now:
            values = {"months": None, "starts_at": span.starts_at, "ends_at": span.ends_at}
            connection.execute(update(grants).where(grants.c.id == span.grant_id).values(values))


def keep_bought(connection: Connection, row: Row[Any], zone: str, now: datetime) -> None:
    """Before the columns of a held row are derived anew: make a grant of what an import wrote there.

    Derived columns name a source of BOUGHT only where such a grant reaches furthest, so one without such a grant was
    written by an import; and a free reader with such a grant running was made free by one.
    """
    given = read_grants(connection, row.id)
    live = [one for one in given if one.key.startswith(_BASE) and one.revoked_at is None]
    if row.plan == Plan.PAID and not live and (not given or row.plan_source in BOUGHT):
        since = (
            now if given else min(row.joined_at, now)
        )  # what was given meanwhile must not wait, and run, a second time
        _add_bought(connection, row.id, len(given), row.plan_source, row.plan_ends_at, since, zone, now)
    elif row.plan != Plan.PAID:
        for one in live:
            if derive([one], zone, now).plan is Plan.PAID:
                connection.execute(update(grants).where(grants.c.id == one.id).values(revoked_at=now))


def rederive(connection: Connection, subscriber_id: int, zone: str, now: datetime) -> PlanState:
    """Write plan, source and end of a held subscriber as their grants have them at `now`."""
    state = derive(read_grants(connection, subscriber_id), zone, now)
    _write(connection, subscriber_id, state)
    return state


def hold(connection: Connection, subscriber_id: int) -> bool:
    """Make others who would change this subscriber wait until this transaction ends; False for one who is erased or unknown."""
    return _hold(connection, subscriber_id) is not None


def hold_each(connection: Connection, subscriber_ids: Collection[int]) -> frozenset[int]:
    """The same for many; returns those who are neither erased nor unknown."""
    statement = (
        update(subscribers)
        .where(
            among(connection, subscribers.c.id, sorted(subscriber_ids)),
            subscribers.c.status != SubscriberStatus.ERASED,
        )
        .values(status=subscribers.c.status)
        .returning(subscribers.c.id)
    )
    return frozenset(connection.execute(statement).scalars()) if subscriber_ids else frozenset()


def _hold(connection: Connection, subscriber_id: int) -> Row[Any] | None:
    statement = (
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.status != SubscriberStatus.ERASED)
        .values(status=subscribers.c.status)
        .returning(subscribers)
    )
    return connection.execute(statement).one_or_none()


def _add_bought(
    connection: Connection,
    subscriber_id: int,
    number: int,
    source: str,
    ends_at: datetime | None,
    starts_at: datetime,
    zone: str,
    now: datetime,
) -> None:
    key = f"{_BASE}{subscriber_id}:{number}"
    granted_at = min(starts_at, now)
    _insert(connection, subscriber_id, key, source, granted_at, starts_at, ends_at=_whole_day(ends_at, zone))


def _whole_day(ends_at: datetime | None, zone: str) -> datetime | None:
    return None if ends_at is None else end_of_day(ends_at, zone)


def _insert(
    connection: Connection,
    subscriber_id: int,
    key: str,
    source: str,
    granted_at: datetime,
    starts_at: datetime,
    *,
    months: int | None = None,
    ends_at: datetime | None = None,
    note: str = "",
) -> bool:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        insert(grants)
        .values(
            subscriber_id=subscriber_id,
            key=key,
            source=source,
            months=months,
            starts_at=starts_at,
            ends_at=ends_at,
            granted_at=granted_at,
            note=note,
        )
        .on_conflict_do_nothing(index_elements=[grants.c.key])
        .returning(grants.c.id)
    )
    return connection.execute(statement).first() is not None


def _write(connection: Connection, subscriber_id: int, state: PlanState) -> None:
    changed = or_(
        subscribers.c.plan != state.plan,
        subscribers.c.plan_source != state.source,
        subscribers.c.plan_ends_at.is_distinct_from(state.ends_at),
    )
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, changed)
        .values(plan=state.plan, plan_source=state.source, plan_ends_at=state.ends_at)
    )


def _grant(row: Row[Any]) -> Grant:
    return Grant(
        id=row.id,
        key=row.key,
        source=row.source,
        months=row.months,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        granted_at=row.granted_at,
        revoked_at=row.revoked_at,
        note=row.note,
    )
