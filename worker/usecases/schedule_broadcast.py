"""Schedule a broadcast: one mailing for one issue, whatever its file is called and however often this is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.domain.calendar import instant, oddity, parse_wall, wall_time
from worker.domain.issue import Issue
from worker.domain.mailing import MailingKind
from worker.domain.pace import Pace
from worker.domain.publication import Publication
from worker.domain.staging import stage_from
from worker.errors import UsageError
from worker.store.engine import Engine, reading, writing
from worker.store.ledger.local_hours import count_hours, count_zones, known_zone
from worker.store.ledger.mailings import NewMailing, create_mailing
from worker.store.ledger.plan import count_audience
from worker.store.segments import audience_rule


@dataclass(frozen=True, slots=True)
class Hour:
    """When a mailing goes: the wall time as meant, its zone, and the instant."""

    wall: datetime
    zone: str
    at: datetime


BROADCAST = "broadcast:"  # how the keys of issues' broadcasts begin


def broadcast_key(issue: Issue) -> str:
    """The key of an issue's broadcast: its id, so that renaming the file mails nobody again."""
    return f"{BROADCAST}{issue.id}"


def read_hour(words: str | None, zone: str, now: datetime) -> Hour:
    """The hour `words` mean in the publication's zone; None is now. Raises UsageError."""
    local = wall_time(now, zone)
    if words is None:
        return Hour(local.replace(microsecond=0), zone, now)
    try:
        wall = parse_wall(words, local)
    except ValueError as wrong:
        raise UsageError(f"--at: {wrong}") from None
    at = instant(wall, zone)
    if at <= now:  # the wall clock shows this hour a second time
        raise UsageError(
            f"--at: {wall:%H:%M} comes twice that day in {zone} and has passed once", fix="name another hour"
        )
    return Hour(wall, zone, at)


def preview_audience(engine: Engine, publication: Publication, segment: str, at: datetime) -> dict[str, dict[str, int]]:
    """Who a broadcast to `segment` at that hour would reach now: plan -> {"audience": n, and per reason who is left out}."""
    rule = audience_rule(segment, publication)
    with reading(engine) as connection:
        return count_audience(connection, MailingKind.BROADCAST, None, rule, at)


def preview_hours(engine: Engine, publication: Publication, segment: str, hour: Hour) -> dict[datetime, int]:
    """How many readers it would reach at which moment, each at that hour where they live; the earliest first."""
    rule = audience_rule(segment, publication)
    with reading(engine) as connection:
        return count_hours(connection, rule, hour.wall, hour.zone)


def odd_hours(engine: Engine, publication: Publication, segment: str, hour: Hour) -> list[str]:
    """What is odd about the hour where its readers live (worker/domain/calendar.py), a sentence for each such zone."""
    rule = audience_rule(segment, publication)
    with reading(engine) as connection:
        zones = {known_zone(zone, hour.zone) for zone in count_zones(connection, rule, hour.at)}
    return [odd for zone in sorted(zones) if (odd := oddity(hour.wall, zone))]


def schedule_broadcast(
    engine: Engine,
    issue: Issue,
    publication: Publication,
    *,
    segment: str,
    hour: Hour,
    batch_size: int,
    now: datetime,
    staging: Pace | None = None,
    local_hour: bool = False,
) -> int | None:
    """Create the mailing; its id, or None where this issue has a broadcast already. Raises for an unknown segment.

    `staging` is the account's pace where a broadcast is to wait at SendGrid if its hour is far enough; None: never.
    `local_hour`: to each reader when it is `hour.wall` where they live; planned when that is so for the first of them.
    """
    rule = audience_rule(segment, publication)
    with writing(engine) as connection:
        stage_at, send_at = None, hour.at
        if local_hour:
            send_at = max(now, min(count_hours(connection, rule, hour.wall, hour.zone), default=hour.at))
        elif staging is not None:
            parts = count_audience(connection, MailingKind.BROADCAST, None, rule, hour.at)
            audience = sum(part.get("audience", 0) for part in parts.values())
            stage_at = stage_from(hour.at, now, audience, staging.steady(now))
        return create_mailing(
            connection,
            NewMailing(
                key=broadcast_key(issue),
                kind=MailingKind.BROADCAST,
                source=f"issue:{issue.id}",
                segment=segment,
                send_at=send_at,
                wall_time=hour.wall.isoformat(timespec="minutes"),
                zone=hour.zone,
                batch_size=batch_size,
                stage_at=stage_at,
                local_hour=local_hour,
                late=issue.late or publication.late.policy,
            ),
            now,
        )
