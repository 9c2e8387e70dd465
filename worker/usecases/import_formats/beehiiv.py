"""beehiiv: the subscribers' CSV.

Traps: `inactive` means that they left; `validating` and `pending` are not confirmed; `premium` without a Stripe id was
given; one Yes/No column for each tier, its name ending in "Tier". `active` beside an `unsubscribed_at` is no clear yes.
"""

from __future__ import annotations

from worker.domain.subscriber import Plan
from worker.usecases.import_formats.form import Cells, Format, Header, Reader, full_name, having
from worker.usecases.import_rows import SubscriberRow
from worker.usecases.read_cells import read_address, read_moment, read_yes, shown
from worker.usecases.read_consent import INVALID, LEFT, PENDING, UNSAID, YES, Consent, read_consent

_WORDS: dict[str, Consent] = {
    "active": YES,
    "inactive": LEFT,
    "unsubscribed": LEFT,
    "pending": PENDING,
    "validating": PENDING,
    "needs attention": PENDING,
    "invalid": INVALID,
}


def _prepare(header: Header) -> Reader:
    tiers = [name for name in header.names if name.endswith(" tier")]

    def read(line: int, cells: Cells) -> SubscriberRow:
        consent = read_consent(cells.get("status", ""), _WORDS)
        left_at = read_moment(cells.get("unsubscribed at", ""), "unsubscribed_at")
        if consent is YES and left_at is not None:
            raise ValueError("says active, and that they unsubscribed; write which is true into status")
        if consent == Consent():
            consent = LEFT if left_at else UNSAID
        plan, source = _plan(cells)
        return SubscriberRow(
            line=line,
            address=read_address(cells.get("email", "")),
            name=full_name(cells),
            plan=plan,
            plan_source=source,
            status=consent.status,
            reason=consent.reason,
            unsaid=consent.unsaid,
            left_at=left_at if consent.reason else None,
            tags=frozenset(name for name in tiers if read_yes(cells.get(name, ""))),
            stripe_id=cells.get("stripe customer id", ""),
            joined_at=read_moment(cells.get("subscription date (substack)", ""), "Subscription Date")
            or read_moment(cells.get("created at", "") or cells.get("created", ""), "created_at"),
        )

    return read


def _plan(cells: Cells) -> tuple[Plan | None, str]:
    tier = (cells.get("tier", "") or cells.get("subscription tier", "")).casefold()
    if tier == "premium":
        return Plan.PAID, "stripe" if cells.get("stripe customer id") else "comped"
    if tier in ("", "free"):
        return (Plan.FREE if tier else None), ""
    raise ValueError(f'the tier "{shown(tier)}" is neither free nor premium')


FORMATS = (
    Format(
        "beehiiv",
        lambda header: having("email", "status")(header) and bool({"tier", "subscription tier"} & header.having),
        _prepare,
        frozenset({"email", "status", "tier", "created at", "unsubscribed at", "stripe customer id"}),
    ),
)
