"""Local hours: an audience divided by the moment at which it is the mailing's wall time where its readers live.

A reader without a zone, or with one nobody knows, has the publication's. Whose hour has passed already is not waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.sql.selectable import Subquery

from worker.domain.calendar import instant, zone_exists
from worker.domain.mailing import Mailing
from worker.domain.segment import Rule
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.segments import where
from worker.store.tables import subscribers


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an edition's audience: how many, which rows of `people`, and before when nothing of it goes."""

    size: int
    belongs: ColumnElement[bool]
    not_before: datetime | None = None


def whole(size: int) -> list[Part]:
    """Everybody, at the mailing's one hour."""
    return [Part(size, true())]


def by_hour(
    connection: Connection, mailing: Mailing, people: Subquery, eligible: Iterable[ColumnElement[bool]]
) -> list[Part]:
    """The eligible among `people`, one part for each moment, the earliest first."""
    query = (
        select(subscribers.c.zone, func.count())
        .join_from(people, subscribers, subscribers.c.id == people.c.subscriber_id)
        .where(*eligible)
        .group_by(subscribers.c.zone)
    )
    counted: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    moments = hours_of(counted, datetime.fromisoformat(mailing.wall_time), mailing.zone)
    return [
        Part(
            sum(counted[zone] for zone in zones),
            people.c.subscriber_id.in_(select(subscribers.c.id).where(subscribers.c.zone.in_(zones))),
            at,
        )
        for at, zones in sorted(moments.items())
    ]


def hours_of(zones: Iterable[str], wall: datetime, usual: str) -> Mapping[datetime, list[str]]:
    """At which moment it is `wall` in which of these zones."""
    found: dict[datetime, list[str]] = {}
    for zone in sorted(zones):
        at = instant(wall, zone if zone and zone_exists(zone) else usual)
        found.setdefault(at, []).append(zone)
    return found


def count_hours(connection: Connection, rule: Rule, wall: datetime, usual: str) -> dict[datetime, int]:
    """How many confirmed readers of a segment have the hour at which moment."""
    query = (
        select(subscribers.c.zone, func.count())
        .where(subscribers.c.status == SubscriberStatus.CONFIRMED, where(rule))
        .group_by(subscribers.c.zone)
    )
    counted: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {at: sum(counted[zone] for zone in zones) for at, zones in sorted(hours_of(counted, wall, usual).items())}
