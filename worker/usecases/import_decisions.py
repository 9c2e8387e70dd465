"""What becomes of one row, given who is here: pure, and the same for a dry run and for a real one.

Nothing here brings back somebody who left, bounced or complained. A row that says somebody left is obeyed. Blank cells
change nothing; tags are only added; what proves consent is never written over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from worker.domain.calendar import instant
from worker.domain.plan import LAST_DAY, end_of_day
from worker.domain.subscriber import Plan, Subscriber, SubscriberStatus, Wants, cut_name
from worker.domain.suppression import OPT_OUTS, Suppression, SuppressionReason
from worker.store.new_subscribers import NewSubscriber
from worker.usecases.import_rows import NOBODY, RowKind, SubscriberRow

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class RowEnd(StrEnum):
    """What became of a row."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    KEPT_BACK = "kept_back"
    REFUSED = "refused"


class Decision(NamedTuple):
    """How a row ends, why in a few words, and what is to be written for it.

    `changes` are new values of a subscriber's columns, `confirm` says that a pending one is confirmed, `new` somebody to
    add. Suppressions are written before anything is decided.
    """

    end: RowEnd
    why: str = ""
    changes: Mapping[str, Any] = _NOTHING
    tags: frozenset[str] = NOBODY
    confirm: bool = False
    new: NewSubscriber | None = None


class Standing(NamedTuple):
    """Who and what is here for a row's address: before the import's suppressions were written, and after."""

    here: Subscriber | None
    before: SuppressionReason | None
    after: SuppressionReason | None


def suppression_of(
    row: SubscriberRow, key: str, here: Subscriber | None, file: str, now: datetime
) -> Suppression | None:
    """The suppression a row asks for: its own reason, or that somebody who is on the list here has left elsewhere."""
    reason = row.reason
    if reason is None:
        on_list = here is not None and here.status in (SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING)
        if row.status is not SubscriberStatus.UNSUBSCRIBED or not on_list:
            return None
        reason = SuppressionReason.UNSUBSCRIBED
    at = row.left_at or row.unsubscribed_at or now
    return Suppression(key, reason, min(at, now), f"import:{file}" if row.evidence is None else row.evidence)


def decide(row: SubscriberRow, standing: Standing, file: str, now: datetime, zone: str) -> Decision:
    """What becomes of a row about a person or an address that is nobody's. `zone`: whose days paid time ends with."""
    row = _with_its_last_day(row, zone)
    here, before = standing.here, standing.before
    worsened = standing.after is not before
    if row.kind is RowKind.SUPPRESSION:
        return _decide_suppression(standing, worsened)
    if not row.leaves and before:
        return Decision(RowEnd.KEPT_BACK, f"{before} here")
    if not row.leaves and here is not None and here.status is SubscriberStatus.UNSUBSCRIBED:
        return Decision(RowEnd.KEPT_BACK, "unsubscribed here")
    if here is not None:
        return _change(row, here, standing.after if worsened else None, now, zone)
    if before is not None:  # suppressed and not a subscriber: erased, perhaps; their data is not wanted back
        return Decision(RowEnd.KEPT_BACK, f"{before}, and not a subscriber here")
    new = _new(row, f"import:{file}", now, zone)
    return Decision(RowEnd.ADDED, _said_of(new, row, standing.after), new=new)


def _decide_suppression(standing: Standing, worsened: bool) -> Decision:
    if not worsened:
        return Decision(RowEnd.UNCHANGED)
    nobody = standing.here is None and standing.before is None
    return Decision(RowEnd.ADDED if nobody else RowEnd.CHANGED, f"{standing.after}, not to be mailed")


def _change(
    row: SubscriberRow, here: Subscriber, worse: SuppressionReason | None, now: datetime, zone: str
) -> Decision:
    wanted = (*_profile(row, here), *_plan(row, here, now, zone))
    changes = {name: value for name, value in wanted if value != getattr(here, name)}
    tags = frozenset(tag for tag in map(str.strip, row.tags - here.tags) if tag and tag not in here.tags)
    confirm = not row.leaves and row.status is SubscriberStatus.CONFIRMED and here.status is SubscriberStatus.PENDING
    said = [
        *([worse.value] if worse else []),
        *changes,
        *(["tags"] if tags else []),
        *(["confirmed"] if confirm else []),
    ]
    return Decision(RowEnd.CHANGED if said else RowEnd.UNCHANGED, ", ".join(said), changes, tags, confirm)


def _profile(row: SubscriberRow, here: Subscriber) -> list[tuple[str, Any]]:
    wanted: dict[str, Any] = {
        "name": cut_name(row.name),
        "language": row.language,
        "zone": row.zone,
        "country": row.country,
        "stripe_id": row.stripe_id,
        "consent": "" if here.consent else row.consent,
        "referrer": "" if here.referrer else row.referrer,
        "wants": row.wants if here.wants is Wants.EVERYTHING else None,  # their own wish here is not taken back
        "paused_until": None if here.paused_until else row.paused_until,
    }
    return [(name, value) for name, value in wanted.items() if value]


def _plan(row: SubscriberRow, here: Subscriber, now: datetime, zone: str) -> list[tuple[str, Any]]:
    plan = plan_of(row, now, zone)
    if plan is None:
        return []
    if plan is Plan.FREE and here.plan is Plan.FREE:
        return []  # whatever ended, and when, is over here as well
    if row.plan_yields_to is not None and (here.plan_source or here.tags & row.plan_yields_to):
        return []
    if plan is not here.plan or (row.plan_source and row.plan_source != here.plan_source):
        return [("plan", plan), ("plan_source", row.plan_source), ("plan_ends_at", row.plan_ends_at)]
    return [("plan_ends_at", row.plan_ends_at)] if row.plan_ends_at else []


def plan_of(row: SubscriberRow, now: datetime, zone: str) -> Plan | None:
    """The plan a row gives; paid time is over when the day is over on which it ends (worker/domain/plan.py)."""
    ends_at = row.plan_ends_at
    is_over = ends_at is not None and ends_at <= now and end_of_day(ends_at, zone) <= now
    return Plan.FREE if is_over and row.plan else row.plan


def _with_its_last_day(row: SubscriberRow, zone: str) -> SubscriberRow:
    """The row, where a cell named the last day of paid time, with that day's last second."""
    if not row.plan_ends_on_day or row.plan_ends_at is None:
        return row
    day = min(row.plan_ends_at.date(), LAST_DAY)
    return replace(row, plan_ends_at=instant(datetime.combine(day, time(23, 59, 59)), zone))


def _new(row: SubscriberRow, source: str, now: datetime, zone: str) -> NewSubscriber:
    status = row.status or SubscriberStatus.CONFIRMED  # an opt-out written before wins over it
    left_at = row.left_at if row.reason in OPT_OUTS else None
    return NewSubscriber(
        address=row.address,
        joined_at=min(row.joined_at or now, now),
        name=row.name,
        plan=plan_of(row, now, zone) or Plan.FREE,
        status=status,
        language=row.language,
        zone=row.zone,
        country=row.country,
        source=source if row.source is None else row.source,
        tags=row.tags,
        plan_source=row.plan_source,
        plan_ends_at=row.plan_ends_at,
        stripe_id=row.stripe_id,
        consent=row.consent,
        referrer=row.referrer,
        wants=row.wants or Wants.EVERYTHING,
        paused_until=row.paused_until,
        confirmed_at=_past(row.confirmed_at, now),
        unsubscribed_at=_past(row.unsubscribed_at or left_at, now),
        referral_code=row.referral_code,
    )


def _past(at: datetime | None, now: datetime) -> datetime | None:
    return None if at is None else min(at, now)


def _said_of(new: NewSubscriber, row: SubscriberRow, reason: SuppressionReason | None) -> str:
    if reason is not None:
        return f"{reason}, not to be mailed"
    if row.unsaid:
        return "pending: the file does not say whether they may be mailed"
    return f"{new.status}, {new.plan}"
