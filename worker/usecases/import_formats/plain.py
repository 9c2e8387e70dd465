"""Any CSV with a column of addresses, by the names its columns have, or by the author's own mapping.

A column that may say who must not be mailed, and that nobody explained, stops the file; a cell that says so in a column
nobody explained stops its row. A list of nothing but addresses is taken at the author's word: they are confirmed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache

from worker.domain.subscriber import SubscriberStatus
from worker.errors import SourceError
from worker.usecases.import_formats.form import Cells, Format, Header, Reader, column_name
from worker.usecases.import_rows import SubscriberRow
from worker.usecases.read_cells import (
    names_a_day,
    read_address,
    read_country,
    read_language,
    read_moment,
    read_plan,
    read_tags,
    read_yes,
    read_zone,
)
from worker.usecases.read_consent import LEFT, NOT_SUBSCRIBED, UNSAID, YES, Consent, read_consent, word_of

IGNORE = "ignore"
#: What a column may be mapped to.
FIELDS = (
    *("address", "name", "first_name", "last_name", "plan", "plan_source", "plan_ends", "status", "subscribed"),
    *("unsubscribed", "unsubscribed_at", "tags", "language", "zone", "country", "joined", "stripe_id", "referrer"),
    *("consent", IGNORE),
)
CONSENT_FIELDS = frozenset({"status", "subscribed", "unsubscribed", "unsubscribed_at"})
_ALSO = {
    **{column_name(name): name for name in FIELDS if name != IGNORE},
    **dict.fromkeys(("email", "email address", "e mail", "e mail address", "mail"), "address"),
    **dict.fromkeys(("full name",), "name"),
    **dict.fromkeys(("labels",), "tags"),
    **dict.fromkeys(("created at", "joined at", "subscribed at", "signup date", "sign up date"), "joined"),
    **dict.fromkeys(("plan ends at",), "plan_ends"),
    **dict.fromkeys(("stripe customer id",), "stripe_id"),
    **dict.fromkeys(("time zone", "timezone"), "zone"),
    **dict.fromkeys(
        ("opted out", "opt out", "optout", "unsubscribe", "email disabled", "do not email"), "unsubscribed"
    ),
}
# Words in a column's name that may be about who must not be mailed. `state` is not among them: its cells are looked at.
# Parts of words, for programs write `isSubscribed` and `emailOptIn`; one too many costs the author an `=ignore`.
_TELLING = re.compile(
    r"status|subscribed|unsub|opt(?:ed)? ?(?:in|out)|bounce|cleaned|complain|spam|abuse|disabled|active|blocked|block ?list"
    r"|black ?list|suppress|do ?not ?(?:e ?mail|contact|mail)|consent|gdpr|confirmed|verified|marketing|permission"
    r"|accept|agree|newsletter|mailable|deleted|removed|cancel|\bno ?(?:e ?)?mail|abgemeldet|désabonné|désinscrit|\bbaja\b"
    r"|disiscritto"
)


def plain_format(mapping: Mapping[str, str] | None = None) -> Format:
    """The format of a CSV whose columns are named like our fields, or are mapped: column as written -> field."""
    given = {column_name(column): field for column, field in (mapping or {}).items()}

    def prepare(header: Header) -> Reader:
        return _prepare(header, given)

    return Format("csv", lambda header: "address" in fields_of(header, given).values(), prepare, frozenset())


def may_say_no(name: str) -> bool:
    """Whether a column of this name, if nobody explains it, may be about who must not be mailed."""
    return _TELLING.search(name) is not None


def fields_of(header: Header, given: Mapping[str, str]) -> dict[str, str]:
    """Column -> field; a mapped column's own name no longer counts, and neither does another one for the same field."""
    taken = set(given.values())
    fields: dict[str, str] = {}
    for name in header.names:
        field = given.get(name) or _ALSO.get(name)
        if field and (name in given or field not in taken):
            fields[name] = field
    return fields


def _prepare(header: Header, given: Mapping[str, str]) -> Reader:
    fields = fields_of(header, given)
    for missing in sorted(given.keys() - header.having):
        raise SourceError(
            f"--map names the column {missing}, which is not in the header",
            file=header.file,
            line=1,
            fix="spell it as there",
        )
    _one_each(header, fields)
    unread = [name for name in dict.fromkeys(header.names) if name not in fields]
    for name in unread:
        if may_say_no(name):
            raise SourceError(
                f'the column "{name}" may say who must not be mailed, and it is not known here',
                file=header.file,
                line=1,
                fix=f'say what it is: --map "{name}=status", =subscribed, =unsubscribed (true means no mail) or =ignore',
            )
    column_of = {field: name for name, field in fields.items()}
    silent = not CONSENT_FIELDS & column_of.keys()

    def read(line: int, cells: Cells) -> SubscriberRow:
        for name in unread:
            if no := _says_no(cells.get(name, "")):
                column = f'the column "{name}"' if name else "a column without a name"
                raise ValueError(f"{column} says {no}; map it, or map it to {IGNORE}")
        return _row(line, {field: cells.get(name, "") for field, name in column_of.items()}, silent)

    return read


def _says_no(cell: str) -> str:
    """The word in a cell that says they must not be mailed, if there is one; columns of one name are read as lines of one."""
    words = (word_of(cell), *(map(word_of, cell.splitlines()) if "\n" in cell else ()))
    return next((word for word in words if word in NOT_SUBSCRIBED), "")


def _one_each(header: Header, fields: Mapping[str, str]) -> None:
    used: dict[str, str] = {}
    for name in header.names:
        field = fields.get(name)
        if field is None or field == IGNORE:
            continue
        if field in used:
            raise SourceError(
                f"the column {field} is there twice", file=header.file, line=1, fix="remove or rename one of them"
            )
        used[field] = name


def _row(line: int, cells: Cells, silent: bool) -> SubscriberRow:
    get: Callable[[str, str], str] = cells.get
    left_at = read_moment(get("unsubscribed_at", ""), "unsubscribed_at")
    consent = Consent() if silent else _said(cells, left_at)
    if consent == Consent() and {"status", "subscribed", "unsubscribed"} & cells.keys():
        consent = UNSAID  # somebody asked, and there is no answer; a blank date of leaving is one
    first = f"{get('first_name', '')} {get('last_name', '')}".strip()
    return SubscriberRow(
        line=line,
        address=read_address(get("address", "")),
        name=get("name", "") or first,
        plan=read_plan(get("plan", "")),
        plan_source=get("plan_source", ""),
        plan_ends_at=read_moment(get("plan_ends", ""), "the end of the plan"),
        plan_ends_on_day=names_a_day(get("plan_ends", "")),
        status=consent.status,
        reason=consent.reason,
        unsaid=consent.unsaid,
        left_at=left_at if consent.reason else None,
        tags=read_tags(get("tags", "")),
        language=read_language(get("language", "")),
        zone=read_zone(get("zone", "")),
        country=read_country(get("country", "")),
        joined_at=read_moment(get("joined", ""), "joined"),
        stripe_id=get("stripe_id", ""),
        referrer=get("referrer", ""),
        consent=get("consent", ""),
    )


def _said(cells: Cells, left_at: datetime | None) -> Consent:
    get = cells.get
    return _consent(get("status", ""), get("subscribed", ""), get("unsubscribed", ""), left_at is not None)


@lru_cache(maxsize=1024)  # a list says few different things
def _consent(status: str, subscribed: str, unsubscribed: str, has_left: bool) -> Consent:
    """All columns that speak of it, and the worst of what they say."""
    said = [read_consent(status)]
    yes, no = read_yes(subscribed), read_yes(unsubscribed)
    said += [YES if yes else LEFT] if yes is not None else []
    said += [LEFT if no else YES] if no is not None else []
    said += [LEFT] if has_left else []
    reasons = [one for one in said if one.reason is not None]
    pending = [one for one in said if one.status is SubscriberStatus.PENDING]
    clear = [one for one in said if one.status is not None]
    return (reasons or pending or clear or [Consent()])[0]
