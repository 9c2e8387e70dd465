"""Hours of mailings that are still scheduled: the wall time and its zone are what the author meant, the instant follows.

When a country changes its clocks between scheduling and sending, the instant moves with the zone database of the clock's
machine. Once planning may begin nothing moves any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from worker.domain.mailing import MailingStatus
from worker.store.engine import Connection
from worker.store.ledger.moves import changed, log_move
from worker.store.tables import mailings

#: A wall time is kept to the minute; less than that is no change of clocks.
_ROUNDING = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ScheduledHour:
    """When a scheduled mailing goes. `earliest` is when it was created: no hour before that was ever meant."""

    mailing_id: int
    wall: datetime
    zone: str
    send_at: datetime
    stage_at: datetime | None
    segment: str
    local_hour: bool
    earliest: datetime


def hours_ahead(connection: Connection, now: datetime) -> list[ScheduledHour]:
    """Every scheduled mailing whose hour is still to come."""
    query = select(mailings).where(mailings.c.status == MailingStatus.SCHEDULED, mailings.c.send_at > now)
    return [
        ScheduledHour(
            row.id,
            datetime.fromisoformat(row.wall_time),
            row.zone,
            row.send_at,
            row.stage_at,
            row.segment,
            bool(row.local_hour),
            row.created_at,
        )
        for row in connection.execute(query.order_by(mailings.c.id))
    ]


def move_hour(connection: Connection, hour: ScheduledHour, send_at: datetime) -> bool:
    """Let it go at another instant, and be handed over so much earlier or later; False where nothing had to change."""
    if abs(send_at - hour.send_at) < _ROUNDING:
        return False
    stage_at = None if hour.stage_at is None else hour.stage_at + (send_at - hour.send_at)
    statement = update(mailings).where(
        mailings.c.id == hour.mailing_id,
        mailings.c.status == MailingStatus.SCHEDULED,
        mailings.c.send_at == hour.send_at,
    )
    if changed(connection, statement.values(send_at=send_at, stage_at=stage_at)) != 1:
        return False
    log_move("hour", hour.mailing_id, hour.send_at.isoformat(), send_at.isoformat())
    return True
