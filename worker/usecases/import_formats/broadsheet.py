"""Our own export, CSV or JSON Lines (worker/usecases/export_columns.py): everything that can be known of somebody.

Cells come as they stand: the padding of a text is part of it. Nothing is made up for a cell that is blank.
"""

from __future__ import annotations

import re
from datetime import datetime

from worker.domain.address import address_key
from worker.domain.erasure import is_hash
from worker.domain.referral import ReferralState
from worker.domain.subscriber import SubscriberStatus, Wants
from worker.domain.suppression import SuppressionReason
from worker.usecases.export_columns import COLUMNS, SUPPRESSED
from worker.usecases.import_formats.form import Cells, Format, column_name, having
from worker.usecases.import_rows import Links, RowKind, SubscriberRow
from worker.usecases.read_cells import (
    clean,
    read_address,
    read_country,
    read_language,
    read_moment,
    read_plan,
    read_tags,
    read_zone,
    shown,
)

_CODE = re.compile(r"(?:erased:)?[A-Za-z0-9]{1,64}")  # with what forget.py writes in the place of one
_STATUSES = (SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING, SubscriberStatus.UNSUBSCRIBED)


def _row(line: int, cells: Cells) -> SubscriberRow:
    word = clean(cells.get("status", "")).casefold()
    if word == SubscriberStatus.ERASED:
        return _erased(line, cells)
    reason = _reason(cells)
    if word == SUPPRESSED:
        return _suppression(line, cells, reason)
    unsaid = not word and reason is None  # we leave no status blank: somebody's hand did
    return SubscriberRow(
        line=line,
        address=read_address(clean(cells.get("address", ""))),
        name=cells.get("name", ""),
        plan=read_plan(clean(cells.get("plan", ""))),
        plan_source=cells.get("plan source", ""),
        plan_ends_at=_moment(cells, "plan ends at"),
        status=SubscriberStatus.PENDING if unsaid else _status(word),
        reason=reason,
        unsaid=unsaid,
        left_at=_moment(cells, "suppressed at"),
        tags=read_tags(cells.get("tags", "")),
        language=read_language(clean(cells.get("language", ""))),
        zone=read_zone(clean(cells.get("zone", ""))),
        country=read_country(clean(cells.get("country", ""))),
        joined_at=_moment(cells, "joined at"),
        stripe_id=cells.get("stripe id", ""),
        referrer=cells.get("referrer", ""),
        consent=cells.get("consent", ""),
        wants=_wants(clean(cells.get("wants", ""))),
        paused_until=_moment(cells, "paused until"),
        referral_code=_code(cells),
        source=cells.get("source", ""),
        evidence=cells.get("suppression evidence", ""),
        confirmed_at=_moment(cells, "confirmed at"),
        unsubscribed_at=_moment(cells, "unsubscribed at"),
        links=_links(cells),
    )


def _erased(line: int, cells: Cells) -> SubscriberRow:
    code = _code(cells)
    if not code:
        raise ValueError("an erased record is known by its referral code, and there is none")
    return SubscriberRow(
        line=line,
        address="",
        kind=RowKind.ERASED,
        status=SubscriberStatus.ERASED,
        referral_code=code,
        joined_at=_moment(cells, "joined at"),
        erased_at=_moment(cells, "erased at"),
        links=_links(cells),
    )


def _suppression(line: int, cells: Cells, reason: SuppressionReason | None) -> SubscriberRow:
    address = clean(cells.get("address", ""))
    if not is_hash(address):  # of an erased address nothing else is left
        address_key(address)  # whatever is no address at all ends here
    if reason is None:
        raise ValueError("a suppressed address needs its reason in the column suppressed")
    return SubscriberRow(
        line=line,
        address=address,
        kind=RowKind.SUPPRESSION,
        reason=reason,
        left_at=_moment(cells, "suppressed at"),
        evidence=cells.get("suppression evidence", ""),
        hashed_under=clean(cells.get("hashed under", "")),
    )


def _status(word: str) -> SubscriberStatus | None:
    if not word:
        return None
    if word in _STATUSES:
        return SubscriberStatus(word)
    raise ValueError(f'the status "{shown(word)}" is none of {", ".join(_STATUSES)}, erased, {SUPPRESSED}')


def _reason(cells: Cells) -> SuppressionReason | None:
    word = clean(cells.get("suppressed", "")).casefold()
    if not word:
        return None
    if word in set(SuppressionReason):
        return SuppressionReason(word)
    raise ValueError(f'the reason "{shown(word)}" is none of {", ".join(SuppressionReason)}')


def _wants(text: str) -> Wants | None:
    if text and text not in set(Wants):
        raise ValueError(f"wants is one of {', '.join(Wants)}")
    return Wants(text) if text else None


def _code(cells: Cells) -> str:
    """A code goes into links, and stands for somebody beside addresses, so it is letters and digits alone."""
    code = clean(cells.get("referral code", ""))
    if code and not _CODE.fullmatch(code):
        raise ValueError(f'the referral code "{shown(code)}" is not one of letters and digits')
    return code


def _links(cells: Cells) -> Links | None:
    by, into = clean(cells.get("referred by", "")), clean(cells.get("merged into", ""))
    milestones, keys = read_tags(cells.get("milestones", "")), read_tags(cells.get("known keys", ""))
    if not by and not into and not milestones and not keys:
        return None
    return Links(
        referred_by=by,
        referred_at=_moment(cells, "referred at"),
        referral_confirmed_at=_moment(cells, "referral confirmed at"),
        merged_into=into,
        referral_state=_state(clean(cells.get("referral state", ""))),
        referral_reason=clean(cells.get("referral reason", "")),
        milestones=milestones,
        known_keys=keys,
    )


def _state(word: str) -> str:
    if word and word not in set(ReferralState):
        raise ValueError(f'the referral state "{shown(word)}" is none of {", ".join(ReferralState)}')
    return word


def _moment(cells: Cells, column: str) -> datetime | None:
    return read_moment(clean(cells.get(column, "")), column.replace(" ", "_"))


FORMATS = (
    Format(
        "broadsheet",
        having("address", "status", "referral code", "suppressed", "suppression evidence"),
        lambda _header: _row,
        frozenset(column_name(name) for name in COLUMNS),
        keeps_text=True,
    ),
)
