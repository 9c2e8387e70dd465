"""Ghost: the members' CSV.

Traps: `subscribed_to_emails` is false for whoever left; `deleted_at` is of somebody deleted there; a Stripe id alone is no
plan (it stays when payment ends), `tiers` and `complimentary_plan` are. `email_disabled` is missing from most exports, so
bounces do not come along: export them from the mail provider as well.
"""

from __future__ import annotations

from worker.domain.subscriber import Plan
from worker.usecases.import_formats.form import Cells, Format, having
from worker.usecases.import_rows import SetAsideRow, SubscriberRow
from worker.usecases.read_cells import read_address, read_moment, read_tags, read_yes
from worker.usecases.read_consent import BOUNCED, LEFT, UNSAID, YES


def _row(line: int, cells: Cells) -> SubscriberRow | SetAsideRow:
    address = cells.get("email", "")
    if cells.get("deleted at"):
        return SetAsideRow(line, address, "was deleted in Ghost")
    mailed = read_yes(cells.get("subscribed to emails", ""))
    consent = UNSAID if mailed is None else YES if mailed else LEFT
    if read_yes(cells.get("email disabled", "")):
        consent = BOUNCED if mailed is not False else LEFT
    plan, source = _plan(cells)
    return SubscriberRow(
        line=line,
        address=read_address(address),
        name=cells.get("name", ""),
        plan=plan,
        plan_source=source,
        status=consent.status,
        reason=consent.reason,
        unsaid=consent.unsaid,
        tags=read_tags(cells.get("labels", ""), ","),
        stripe_id=cells.get("stripe customer id", ""),
        joined_at=read_moment(cells.get("created at", ""), "created_at"),
    )


def _plan(cells: Cells) -> tuple[Plan | None, str]:
    tiers = cells.get("tiers", "").casefold()
    if read_yes(cells.get("complimentary plan", "")):
        return Plan.PAID, "comped"
    if tiers and tiers != "free":
        return Plan.PAID, "gifted" if cells.get("gift id") else "stripe" if cells.get("stripe customer id") else ""
    return (Plan.FREE if "tiers" in cells else None), ""


FORMATS = (
    Format(
        "ghost",
        having("email", "subscribed to emails"),
        lambda _header: _row,
        frozenset({"email", "name", "subscribed to emails", "complimentary plan", "tiers", "labels", "created at"}),
    ),
)
