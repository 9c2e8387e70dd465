"""What a reader got lately or gets soon: the hours quiet rules keep away from. Looked up for a part of the list at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, literal_column, select

from worker.domain.calendar import instant
from worker.domain.mailing import Mailing, MailingStatus
from worker.domain.publication import Publication
from worker.domain.quiet import WEEK
from worker.errors import BroadsheetError
from worker.store.engine import Connection
from worker.store.followups.due import IS_PLANNED
from worker.store.ledger.local_hours import known_zone
from worker.store.rows import among
from worker.store.segments import audience_rule, where
from worker.store.tables import deliveries, due_steps, mailings, subscribers

AHEAD = timedelta(days=60)  # issues scheduled farther ahead than this cross no follow-up
_LOCAL = timedelta(hours=27)  # between the first reader's hour and the last one's
_IS_BROADCAST: ColumnElement[bool] = literal_column("mailings.kind = 'broadcast'")  # as its index has it
_IS_NOT_SENT = (MailingStatus.CANCELLED, MailingStatus.DRAFT)


def followups_near(connection: Connection, subscriber_ids: Sequence[int], now: datetime) -> dict[int, list[datetime]]:
    """When these readers had a follow-up in the last week or two: planned, to go at once."""
    query = select(due_steps.c.subscriber_id, due_steps.c.decided_at).where(
        IS_PLANNED,
        among(connection, due_steps.c.subscriber_id, subscriber_ids),
        due_steps.c.decided_at > now - 2 * WEEK,
    )
    found: dict[int, list[datetime]] = {}
    for subscriber_id, at in connection.execute(query):
        found.setdefault(subscriber_id, []).append(at)
    return found


def issues_near(
    connection: Connection, publication: Publication, zones: dict[int, str], now: datetime
) -> dict[int, list[datetime]]:
    """When issues went or will go to these readers (id -> zone), as far as they are scheduled."""
    span = publication.quiet.from_issue
    if not span or not zones:
        return {}
    query = (
        select(mailings)
        .where(
            _IS_BROADCAST,
            mailings.c.send_at > now - span - _LOCAL,
            mailings.c.send_at < now + AHEAD,
            mailings.c.status.not_in(_IS_NOT_SENT),
        )
        .order_by(mailings.c.send_at)
    )
    found: dict[int, list[datetime]] = {}
    for row in connection.execute(query).all():
        for subscriber_id in _who_gets(connection, publication, row, sorted(zones)):
            found.setdefault(subscriber_id, []).append(hour_for(row, zones[subscriber_id]))
    return found


def _who_gets(
    connection: Connection, publication: Publication, row: Row[tuple[object, ...]], ids: list[int]
) -> list[int]:
    """Those among them whom a broadcast goes to: by its deliveries or, before it is planned, by its segment."""
    if row.planned_at is not None:
        owed = select(deliveries.c.subscriber_id).where(
            deliveries.c.mailing_id == row.id,
            among(connection, deliveries.c.subscriber_id, ids),
            deliveries.c.skipped_reason.is_(None),
        )
        return list(connection.execute(owed).scalars())
    try:
        rule = audience_rule(row.segment, publication)
    except BroadsheetError:  # planning will say so; until then it may go to anybody
        return ids
    picked = select(subscribers.c.id).where(among(connection, subscribers.c.id, ids), where(rule, row.send_at))
    return list(connection.execute(picked).scalars())


def hour_for(issue: Mailing | Row[Any], zone: str) -> datetime:
    """When an issue goes, or went, to somebody who lives in a zone (empty: not known)."""
    at: datetime = issue.send_at
    if issue.local_hour:
        return max(at, instant(datetime.fromisoformat(issue.wall_time), known_zone(zone, issue.zone)))
    return at
