"""Buttondown: the subscribers' CSV.

Traps: tags have semicolons between them; `metadata` is the repr of a Python dict, not JSON; `subscriber_type` mixes consent
with payment. Whose paid time is about to end or already in doubt, and nobody says when, comes along free and tagged.
"""

from __future__ import annotations

import ast
from datetime import datetime

from worker.domain.subscriber import Plan
from worker.usecases.import_formats.form import Cells, Format, having
from worker.usecases.import_rows import NOBODY, SubscriberRow
from worker.usecases.read_cells import read_address, read_moment, read_tags
from worker.usecases.read_consent import BLOCKED, BOUNCED, COMPLAINED, LEFT, PENDING, UNSAID, YES, Consent, read_consent

METADATA_LIMIT = 4_000  # characters; a longer cell is left alone
# https://github.com/buttondown/openapi enums.json, and the types its documents name besides.
_CONSENT: dict[str, Consent] = {
    **dict.fromkeys(
        ("regular", "premium", "gifted", "trialed", "churning", "churned", "past due", "paused", "unpaid"), YES
    ),
    **dict.fromkeys(("unactivated", "upcoming"), PENDING),
    "unsubscribed": LEFT,
    "undeliverable": BOUNCED,
    "complained": COMPLAINED,
    **dict.fromkeys(("removed", "spammy", "blocked"), BLOCKED),
}
_PLANS = {"premium": (Plan.PAID, "stripe"), "gifted": (Plan.PAID, "gifted")}
_DOUBTFUL = frozenset({"trialed", "churning", "past due", "paused"})


def _row(line: int, cells: Cells) -> SubscriberRow:
    kind = cells.get("subscriber type", "").casefold().replace("_", " ")
    consent = read_consent(kind, _CONSENT) if kind else UNSAID
    left_at = _moment(cells, "unsubscription date")
    if consent is YES and left_at is not None:
        raise ValueError(f"says {kind}, and that they unsubscribed; write which is true into subscriber_type")
    plan, source = _PLANS.get(kind, (Plan.FREE if kind else None, ""))
    doubtful = frozenset({f"buttondown-{kind.replace(' ', '-')}"}) if kind in _DOUBTFUL else NOBODY
    return SubscriberRow(
        line=line,
        address=read_address(cells.get("email", "")),
        name=_name(cells.get("metadata", "")),
        plan=plan,
        plan_source=source,
        status=consent.status,
        reason=consent.reason,
        unsaid=consent.unsaid,
        left_at=left_at if consent.reason else None,
        tags=read_tags(cells.get("tags", ""), ";") | doubtful,
        joined_at=_moment(cells, "subscription date") or _moment(cells, "creation date"),
        referrer=_referrer(cells),
        consent=_proof(cells),
    )


def _name(metadata: str) -> str:
    """The name in the metadata, if there is one. Literals alone are read; what is none of them says nothing."""
    if not metadata.startswith("{") or len(metadata) > METADATA_LIMIT:
        return ""
    try:
        found = ast.literal_eval(metadata)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    named = {str(key).casefold(): value for key, value in found.items() if isinstance(value, str)}
    both = f"{named.get('first_name', '')} {named.get('last_name', '')}".strip()
    return named.get("name", "") or both


def _referrer(cells: Cells) -> str:
    utm = [cells.get(f"utm {part}", "") for part in ("source", "medium", "campaign")]
    return cells.get("referrer url", "") or ("utm: " + "/".join(utm) if any(utm) else "")


def _proof(cells: Cells) -> str:
    if not cells.get("ip address"):
        return ""
    return f"Buttondown: signed up {cells.get('creation date', '')} from {cells['ip address']}"


def _moment(cells: Cells, column: str) -> datetime | None:
    return read_moment(cells.get(column, ""), column, month_first=True)


FORMATS = (
    Format(
        "buttondown",
        having("email", "subscriber type"),
        lambda _header: _row,
        frozenset({"email", "subscriber type", "tags", "metadata", "unsubscription date", "creation date"}),
    ),
)
