"""The columns of our own export, and what stands in them: written here, read by import_formats/broadsheet.py.

Pure. No cell is run as a formula by a spreadsheet, and what guards it comes off again without a trace.
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import orjson

from worker.domain.list_entry import ListEntry
from worker.domain.subscriber import Plan, Subscriber, SubscriberStatus

#: In the order they are written.
COLUMNS: tuple[str, ...] = (
    *("address", "name", "status", "plan", "plan_source", "plan_ends_at", "tags", "language", "zone", "country"),
    *("joined_at", "confirmed_at", "unsubscribed_at", "erased_at", "source", "consent", "stripe_id", "referrer"),
    *("wants", "paused_until", "referral_code", "referred_by", "referred_at", "referral_confirmed_at"),
    *("referral_state", "referral_reason", "milestones", "known_keys", "merged_into"),
    *("suppressed", "suppressed_at", "suppression_evidence", "hashed_under"),
)
SUPPRESSED = "suppressed"  # the status of an address that is nobody's
#: An erased friend still counts for who brought them, and an erased reader is not rewarded twice.
_ERASED_COLUMNS = frozenset(
    {"status", "joined_at", "erased_at", "referral_code", "merged_into", "milestones", "known_keys"}
    | {"referred_by", "referred_at", "referral_confirmed_at", "referral_state", "referral_reason"}
)
_OF_SUBSCRIBER = frozenset(column.name for column in fields(Subscriber)) & frozenset(COLUMNS)
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def guard(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would run; another one where it begins so already."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """The cell as it was before `guard`."""
    return cell[1:] if _GUARDED.match(cell) else cell


def write_moment(at: datetime | None) -> str:
    """ISO, UTC, with milliseconds where there are any."""
    if at is None:
        return ""
    at = at.astimezone(UTC)
    return at.isoformat(timespec="milliseconds" if at.microsecond >= 1_000 else "seconds").replace("+00:00", "Z")


def write_tags(tags: frozenset[str]) -> str:
    """Sorted, with commas between; as a JSON list where a tag holds what would take the cell apart."""
    ordered = sorted(tags)
    if any(re.search(r"[,;\n\r]|^\[", tag) for tag in ordered):
        return orjson.dumps(ordered).decode()
    return ",".join(ordered)


def entry_values(entry: ListEntry, now: datetime) -> dict[str, Any]:
    """What stands in each column: text, or a list of text for tags. Paid time that has ended is `free`."""
    values: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    person, kept = entry.subscriber, entry.suppression
    if person is not None:
        values |= {name: _plain(getattr(person, name)) for name in _OF_SUBSCRIBER}
        values["tags"] = sorted(person.tags)
        ended = person.plan_ends_at is not None and person.plan_ends_at <= now
        values["plan"] = (Plan.FREE if ended else person.plan).value
        values["merged_into"] = entry.merged_into
        values |= _referral_values(entry)
        if person.status is SubscriberStatus.ERASED:
            return {name: value if name in _ERASED_COLUMNS else "" for name, value in values.items()}
    if kept is not None:
        values["suppressed"] = kept.reason.value
        values["suppressed_at"] = write_moment(kept.at)
        values["suppression_evidence"] = kept.evidence
        if person is None:
            values |= {"address": kept.address_key, "status": SUPPRESSED, "hashed_under": entry.hashed_under}
    return values


def _referral_values(entry: ListEntry) -> dict[str, Any]:
    return {
        "referred_by": entry.referred_by,
        "referred_at": write_moment(entry.referred_at),
        "referral_confirmed_at": write_moment(entry.referral_confirmed_at),
        "referral_state": entry.referral_state,
        "referral_reason": entry.referral_reason,
        "milestones": list(entry.milestones),
        "known_keys": list(entry.known_keys),
    }


def csv_cells(values: dict[str, Any]) -> list[str]:
    """The values as cells of a CSV."""
    return [guard(write_tags(frozenset(value)) if isinstance(value, list) else value) for value in values.values()]


def _plain(value: Any) -> str:
    if value is None or isinstance(value, datetime):
        return write_moment(value)
    return str(value)
