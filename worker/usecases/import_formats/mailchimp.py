"""Mailchimp: three files (subscribed, unsubscribed, cleaned) told apart by a column, or by the name Mailchimp gave them.

Traps: the column of addresses is named in the account's language; TAGS is a line of CSV inside a cell; "cleaned" means
bounced, and such a row looks like any other; people in the fourth file, non-subscribed, never opted in.
"""

from __future__ import annotations

import re
from datetime import datetime

from worker.errors import SourceError
from worker.usecases.import_formats.form import Cells, Format, Header, Reader, full_name
from worker.usecases.import_rows import SubscriberRow
from worker.usecases.read_cells import (
    if_readable,
    read_address,
    read_country,
    read_moment,
    read_quoted_tags,
    read_zone,
)
from worker.usecases.read_consent import BOUNCED, COMPLAINED, LEFT, YES, Consent

_MAIL = re.compile(r"e ?mail|courriel|correo|posta elettronica|メール|邮件|郵件|почт")
_FIRST = ("first name", "fname", "vorname", "prénom", "nombre", "nome", "voornaam", "förnamn", "fornavn", "imię")
_LAST = ("last name", "lname", "nachname", "nom", "nom de famille", "apellidos", "apellido", "cognome", "sobrenome")
_MARKS = frozenset({"leid", "euid"})
_COMPLAINTS = ("spam", "abuse", "complain")


def _prepare(header: Header) -> Reader:
    address = _address_column(header)
    first = next((name for name in _FIRST if name in header.having), "")
    last = next((name for name in _LAST if name in header.having), "")
    left = _left(header)

    def read(line: int, cells: Cells) -> SubscriberRow:
        consent = left or YES
        at = _moment(cells, "clean time") or _moment(cells, "unsub time")
        if consent is LEFT and any(word in cells.get("unsub reason", "").casefold() for word in _COMPLAINTS):
            consent = COMPLAINED
        return SubscriberRow(
            line=line,
            address=read_address(cells.get(address, "")),
            name=full_name(cells, first, last),
            status=consent.status,
            reason=consent.reason,
            left_at=at if consent.reason else None,
            tags=read_quoted_tags(cells.get("tags", "")),
            country=if_readable(read_country, cells.get("cc", "")),
            zone=if_readable(read_zone, cells.get("timezone", "")),
            joined_at=_moment(cells, "optin time") or _moment(cells, "confirm time"),
            consent=_proof(cells),
        )

    return read


def _left(header: Header) -> Consent | None:
    """What all rows of the file have in common: the column that only such a file has, or the file's name, says so."""
    name = header.file.casefold()
    if "clean time" in header.having or name.startswith("cleaned"):
        return BOUNCED
    if "unsub time" in header.having or name.startswith("unsubscribed"):
        return LEFT
    if name.startswith(("nonsubscribed", "non-subscribed")):
        raise SourceError(
            "holds people who never opted in (Mailchimp's non-subscribed contacts)",
            file=header.file,
            fix="import the subscribed, unsubscribed and cleaned files; nobody is added without having agreed",
        )
    return None


def _address_column(header: Header) -> str:
    """`Email Address` in whatever language; where nothing looks like it, the first column, as Mailchimp writes it."""
    named = [name for name in header.names if _MAIL.search(name)]
    exact = [name for name in named if name in ("email address", "email", "e mail")]
    return (exact or named or list(header.names))[0]


def _proof(cells: Cells) -> str:
    said = [
        f"{what} {cells[time]}" + (f" from {cells[place]}" if cells.get(place) else "")
        for what, time, place in (("opted in", "optin time", "optin ip"), ("confirmed", "confirm time", "confirm ip"))
        if cells.get(time)
    ]
    return f"Mailchimp: {', '.join(said)}" if said else ""


def _moment(cells: Cells, column: str) -> datetime | None:
    return read_moment(cells.get(column, ""), column, month_first=True)


FORMATS = (
    Format(
        "mailchimp",
        lambda header: (
            header.having >= _MARKS
            or ("member rating" in header.having and bool({"last changed", "unsub time", "clean time"} & header.having))
        ),
        _prepare,
        frozenset({"email address", "tags", "unsub time", "clean time", "optin time", "confirm time"}),
    ),
)
