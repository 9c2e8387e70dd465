"""Substack: the list of all sign-ups, the file of paid readers beside it, and the dashboard's export.

Traps: `email_disabled` says the opposite of subscribed; rows at deletion-request.substack.com are nobody; `paid` without a
Stripe id is a member of somebody's group, and stays free; who pays through Apple has no Stripe id either; comps and gifts
end. The list says only whether somebody has an active subscription, so it changes nobody of whom the other file said more.
"""

from __future__ import annotations

from datetime import datetime

from worker.domain.subscriber import Plan
from worker.usecases.import_formats.form import Cells, Format, Header, Reader, having
from worker.usecases.import_rows import NOBODY, SetAsideRow, SubscriberRow
from worker.usecases.read_cells import (
    if_readable,
    names_a_day,
    read_address,
    read_country,
    read_moment,
    read_yes,
    shown,
)
from worker.usecases.read_consent import LEFT, UNSAID, YES, Consent

GROUP, APPLE = "substack-group", "substack-ios"  # tags of those whose plan does not come along
_SUMMARY = frozenset({GROUP, APPLE})
_DELETED = "@deletion-request.substack.com"
_GONE = "asked Substack to delete what it knows of them"


def _list_row(line: int, cells: Cells) -> SubscriberRow | SetAsideRow:
    address = cells.get("email", "")
    if address.casefold().endswith(_DELETED):
        return SetAsideRow(line, address, _GONE)
    active = read_yes(cells.get("active subscription", ""))
    consent = _mailed(cells.get("email disabled", ""))
    return SubscriberRow(
        line=line,
        address=read_address(address),
        plan=None if active is None else Plan.PAID if active else Plan.FREE,
        plan_ends_at=_moment(cells, "expiry") if active else None,
        plan_ends_on_day=names_a_day(cells.get("expiry", "")),
        plan_yields_to=_SUMMARY,
        status=consent.status,
        reason=consent.reason,
        unsaid=consent.unsaid,
        joined_at=_moment(cells, "created at"),
    )


def _paid_row(line: int, cells: Cells) -> SubscriberRow | SetAsideRow:
    address = cells.get("email", "")
    if address.casefold().endswith(_DELETED):
        return SetAsideRow(line, address, _GONE)
    consent = _mailed(cells.get("email disabled", ""))
    stripe = cells.get("stripe connected customer id", "")
    ends = _moment(cells, "expiry")
    plan, source, tags = _plan(cells.get("type", ""), stripe, ends)
    return SubscriberRow(
        line=line,
        address=read_address(address),
        plan=plan,
        plan_source=source,
        plan_ends_at=ends if plan is Plan.PAID else None,
        plan_ends_on_day=names_a_day(cells.get("expiry", "")),
        status=consent.status,
        reason=consent.reason,
        unsaid=consent.unsaid,
        tags=tags,
        stripe_id=stripe,
        joined_at=_moment(cells, "created at"),
    )


def _plan(kind: str, stripe: str, ends: datetime | None) -> tuple[Plan | None, str, frozenset[str]]:
    match kind.casefold():
        case "":
            return None, "", NOBODY
        case "free":
            return Plan.FREE, "", NOBODY
        case "paid" if stripe:
            return Plan.PAID, "stripe", NOBODY
        case "paid":
            return Plan.FREE, "", frozenset({GROUP})
        case "comp":
            return Plan.PAID, "comped", NOBODY
        case "gift":
            return Plan.PAID, "gifted", NOBODY
        case "ios_app" if ends:  # what they paid for already; Apple tells nobody but Substack of the next payment
            return Plan.PAID, "", frozenset({APPLE})
        case "ios_app":
            return Plan.FREE, "", frozenset({APPLE})
    raise ValueError(f'the type "{shown(kind)}" is not known here; known are free, paid, comp, gift, ios_app')


def _dashboard_row(line: int, cells: Cells) -> SubscriberRow | SetAsideRow:
    address = cells.get("user email address", "") or cells.get("email", "")
    if address.casefold().endswith(_DELETED):
        return SetAsideRow(line, address, _GONE)
    left, came = _moment(cells, "unsubscribed at"), _moment(cells, "last subscribed at")
    gone = left is not None and (came is None or came <= left)
    kind = cells.get("subscription type", "").casefold()
    plan = None if not kind else Plan.FREE if kind.startswith(("free", "none")) else Plan.PAID
    return SubscriberRow(
        line=line,
        address=read_address(address),
        name=cells.get("user name", "") or cells.get("name", ""),
        plan=plan,
        plan_source="comped" if "comp" in kind else "gifted" if "gift" in kind else "",
        plan_ends_at=_moment(cells, "subscription expires at") if plan is Plan.PAID else None,
        plan_ends_on_day=names_a_day(cells.get("subscription expires at", "")),
        plan_yields_to=_SUMMARY,
        status=None if gone else YES.status,
        reason=LEFT.reason if gone else None,
        left_at=left if gone else None,
        country=if_readable(read_country, cells.get("country", "")),
        joined_at=_moment(cells, "subscription created at"),
    )


def _mailed(disabled: str) -> Consent:
    """`email_disabled`: true means that they do not want mail. Blank says nothing, so nobody is mailed for it."""
    no_mail = read_yes(disabled)
    return UNSAID if no_mail is None else LEFT if no_mail else YES


def _moment(cells: Cells, column: str) -> datetime | None:
    return read_moment(cells.get(column, ""), column, month_first=True)


def _prepare(header: Header) -> Reader:
    if "type" in header.having and "active subscription" not in header.having:
        return _paid_row
    return _list_row


FORMATS = (
    Format(
        "substack",
        lambda header: (
            {"email", "email disabled"} <= header.having
            and bool({"active subscription", "stripe connected customer id"} & header.having)
        ),
        _prepare,
        frozenset({"email", "email disabled", "active subscription", "expiry", "type", "created at"}),
    ),
    Format(
        "substack",
        having("user email address", "unsubscribed at", "subscription type"),
        lambda _header: _dashboard_row,
        frozenset({"user email address", "unsubscribed at", "subscription type"}),
    ),
)
