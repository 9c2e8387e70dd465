"""Kit (ConvertKit): the subscribers' CSV. Kit documents the words, not the header, so it is told by its columns' meaning.

Traps: `inactive` is somebody who never confirmed; `cancelled` left; `cold` is nobody's consent: such a row is refused.
"""

from __future__ import annotations

from worker.usecases.import_formats.form import Cells, Format, Header, Reader, full_name
from worker.usecases.import_formats.plain import CONSENT_FIELDS, fields_of, may_say_no
from worker.usecases.import_rows import SubscriberRow
from worker.usecases.read_cells import read_address, read_moment, read_tags
from worker.usecases.read_consent import PENDING, UNSAID, WORDS, Consent, read_consent

# https://developers.kit.com/api-reference/subscribers/list-subscribers and https://help.kit.com, the subscribers' page.
_WORDS: dict[str, Consent] = {**WORDS, "inactive": PENDING}
_ADDRESS = ("email address", "email")
_STATE = ("state", "status")


def _prepare(header: Header) -> Reader:
    address, state = (next(name for name in names if name in header.having) for names in (_ADDRESS, _STATE))

    def read(line: int, cells: Cells) -> SubscriberRow:
        consent = read_consent(cells.get(state, ""), _WORDS)
        if consent == Consent():
            consent = UNSAID
        return SubscriberRow(
            line=line,
            address=read_address(cells.get(address, "")),
            name=full_name(cells),
            status=consent.status,
            reason=consent.reason,
            unsaid=consent.unsaid,
            tags=read_tags(cells.get("tags", ""), ","),
            joined_at=read_moment(cells.get("created at", ""), "created_at", month_first=True),
            referrer=cells.get("referrer", "") or cells.get("source", ""),
        )

    return read


def _fits(header: Header) -> bool:
    """Few columns tell it, so a list with another word on who may be mailed is not taken for Kit's: nobody would read that."""
    others = header.having - {*_STATE, "created at"}
    return (
        {"first name", "created at"} <= header.having
        and any(name in header.having for name in _ADDRESS)
        and any(name in header.having for name in _STATE)
        and not any(may_say_no(name) for name in others)
        and CONSENT_FIELDS.isdisjoint(fields_of(Header(tuple(sorted(others)), header.file), {}).values())
    )


FORMATS = (
    Format(
        "kit",
        _fits,
        _prepare,
        frozenset({"email", "email address", "state", "status", "first name", "tags", "created at"}),
    ),
)
