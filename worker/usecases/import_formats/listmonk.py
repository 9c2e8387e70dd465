"""listmonk: the subscribers' CSV, `uuid,email,name,attributes,status,created_at,updated_at`.

Trap: `enabled` is about the person, not about a list: whoever left a list is still `enabled` in this file. So it does not
say whether they may be mailed, and they come along as pending unless the author says how they know (`--consent`).
"""

from __future__ import annotations

import orjson

from worker.domain.subscriber import SubscriberStatus
from worker.usecases.import_formats.form import Cells, Format, having
from worker.usecases.import_rows import SubscriberRow
from worker.usecases.read_cells import if_readable, read_address, read_country, read_moment
from worker.usecases.read_consent import BLOCKED, UNSAID, Consent, read_consent

_WORDS: dict[str, Consent] = {"enabled": UNSAID, "disabled": BLOCKED, "blocklisted": BLOCKED, "blacklisted": BLOCKED}


def _row(line: int, cells: Cells) -> SubscriberRow:
    consent = read_consent(cells.get("status", ""), _WORDS)
    return SubscriberRow(
        line=line,
        address=read_address(cells.get("email", "")),
        name=cells.get("name", ""),
        status=None if consent.reason else SubscriberStatus.PENDING,
        reason=consent.reason,
        unsaid=consent.reason is None,
        country=if_readable(read_country, _attribute(cells.get("attributes", ""), "country")),
        joined_at=read_moment(cells.get("created at", ""), "created_at"),
    )


def _attribute(attributes: str, name: str) -> str:
    if not attributes.startswith("{"):
        return ""
    try:
        value = orjson.loads(attributes).get(name)
    except orjson.JSONDecodeError:
        return ""
    return value if isinstance(value, str) else ""


FORMATS = (
    Format(
        "listmonk",
        having("uuid", "email", "attributes"),
        lambda _header: _row,
        frozenset({"email", "name", "attributes", "status", "created at"}),
    ),
)
