"""Local hours: an audience divided by the moment at which it is the mailing's wall time where its readers live.

A reader without a zone, or with one nobody knows, has the publication's. Whose hour has passed already is not waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.sql.selectable import Subquery

from worker.domain.calendar import instant, zone_exists
from worker.domain.delivery import BatchStatus
from worker.domain.mailing import Mailing, MailingKind
from worker.domain.segment import Rule
from worker.store.engine import Connection
from worker.store.ledger.people import by_rule
from worker.store.tables import batches, deliveries, subscribers


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an edition's audience: how many, in which zones, before when nothing of it goes, and the number of the
    first of its batches.
    """

    size: int
    zones: Sequence[str] = ()
    not_before: datetime | None = None
    first: int = 0


def whole(size: int) -> list[Part]:
    """Everybody, at the mailing's one hour."""
    return [Part(size)]


def by_hour(
    connection: Connection, mailing: Mailing, people: Subquery, eligible: Iterable[ColumnElement[bool]], batch_size: int
) -> list[Part]:
    """The eligible among `people`, one part for each moment, the earliest first."""
    counted = _count_by_zone(connection, people, eligible)
    moments = hours_of(counted, datetime.fromisoformat(mailing.wall_time), mailing.zone)
    parts: list[Part] = []
    first = 0
    for at, zones in sorted(moments.items()):
        parts.append(Part(sum(counted[zone] for zone in zones), zones, at, first))
        first += -(-parts[-1].size // batch_size)
    return parts


def first_number(parts: Iterable[Part]) -> ColumnElement[int]:
    """Beside a row of `subscribers`: the number of the first batch of their part. No two parts have the same."""
    return case(*((subscribers.c.zone.in_(part.zones), part.first) for part in parts))


def hours_of(zones: Iterable[str], wall: datetime, usual: str) -> Mapping[datetime, list[str]]:
    """At which moment it is `wall` in which of these zones."""
    found: dict[datetime, list[str]] = {}
    for zone in sorted(zones):
        found.setdefault(instant(wall, known_zone(zone, usual)), []).append(zone)
    return found


def known_zone(zone: str, usual: str) -> str:
    """A reader's zone, or the usual one where theirs is empty or unknown."""
    return zone if zone and zone_exists(zone) else usual


def count_zones(connection: Connection, rule: Rule, at: datetime) -> dict[str, int]:
    """How many readers a broadcast to a segment at that hour would reach now, by their zone as it is written."""
    people = by_rule(MailingKind.BROADCAST, None, rule, at).subquery("people")
    return _count_by_zone(connection, people, (people.c.reason.is_(None),))


def count_hours(connection: Connection, rule: Rule, wall: datetime, usual: str) -> dict[datetime, int]:
    """How many of them have the hour at which moment; the earliest first."""
    counted = count_zones(connection, rule, instant(wall, usual))
    return {at: sum(counted[zone] for zone in zones) for at, zones in sorted(hours_of(counted, wall, usual).items())}


def count_ahead(connection: Connection, mailing_id: int, now: datetime) -> dict[datetime, int]:
    """How many of a planned mailing's readers wait for a moment still to come, by moment; the earliest first."""
    query = (
        select(batches.c.not_before, func.count())
        .join(deliveries, deliveries.c.batch_id == batches.c.id)
        .where(
            batches.c.mailing_id == mailing_id,
            batches.c.status == BatchStatus.PENDING,
            batches.c.not_before > now,
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .group_by(batches.c.not_before)
        .order_by(batches.c.not_before)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _count_by_zone(connection: Connection, people: Subquery, eligible: Iterable[ColumnElement[bool]]) -> dict[str, int]:
    query = (
        select(subscribers.c.zone, func.count())
        .join_from(people, subscribers, subscribers.c.id == people.c.subscriber_id)
        .where(*eligible)
        .group_by(subscribers.c.zone)
    )
    return {row[0]: row[1] for row in connection.execute(query)}
