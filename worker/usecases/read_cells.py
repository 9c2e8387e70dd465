"""What one cell of a list may hold: addresses, dates, yes and no, words for a status, tags, in the forms that occur.

Text in, value out; ValueError says in one sentence why not. What is not clear is an error, never a guess.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

import orjson
from email_validator import EmailNotValidError, validate_email

from worker.domain.address import address_key
from worker.domain.calendar import zone_exists
from worker.domain.subscriber import Plan

#: At the edges of a cell: what str.strip() takes, and characters of no width that pages and spreadsheets leave behind.
_INVISIBLE = "\u200b\u2060\ufeff\u200e\u200f"
_PADDING = " \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_EDGES = _PADDING + _INVISIBLE
# Addresses as nearly all are. Everything else is asked of the library, which takes thirty times as long.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_-]+(?:[.+][A-Za-z0-9_-]+)*\+?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")  # the shape of a BCP 47 tag
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_is_zone = lru_cache(maxsize=1024)(zone_exists)  # asking costs a file, and a long list names few zones

# Spreadsheets write TRUE and FALSE in the language of their menus.
_YES = frozenset(
    [
        "true",
        "yes",
        "y",
        "t",
        "1",
        "on",
        "x",
        "wahr",
        "ja",
        "vrai",
        "oui",
        "verdadero",
        "si",
        "sí",
        "vero",
        "verdadeiro",
        "sim",
        "waar",
    ]
)
_NO = frozenset(
    ["false", "no", "n", "f", "0", "off", "falsch", "nein", "faux", "non", "falso", "não", "nao", "onwaar", "nee"]
)

_WRITTEN_DATES = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y")
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_SHORT = 200  # letters of a cell
_SECONDS = re.compile(r"\d{9,10}")
_MILLISECONDS = re.compile(r"\d{12,13}")
# With the name of a zone after its offset, as Go prints an instant (listmonk's export): `2024-01-05 09:30:00.1 +0000 UTC`.
_ISO_PARTS = re.compile(
    r"(\d{4}-\d{2}-\d{2})[ T](\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?) ?"
    r"(?:Z|UTC|GMT|([+-]\d{2}:?\d{2})(?: (?:[A-Z]{2,5}|[+-]\d{2,4}))?)?",
    re.I,
)


def clean(cell: str) -> str:
    """Without padding at its edges: spaces, non-breaking ones, and characters nobody sees."""
    stripped = cell.strip()
    return stripped if stripped.isascii() else stripped.strip(_EDGES)


def read_address(text: str) -> str:
    """The address as written, if it is one. Asks no network; `.test` domains are allowed."""
    if not text:
        raise ValueError("there is no address")
    local, at, domain = text.rpartition("@")
    if at and len(local) <= 64 and len(text) <= 254 and _PLAIN_LOCAL.fullmatch(local) and _is_domain(domain):
        return text
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
        address_key(text)  # the library goes by IDNA 2008, who is who by that of 2003: some domains are none there
    except (EmailNotValidError, ValueError) as wrong:
        raise ValueError(f"the address cannot be used: {wrong}") from None
    return text


@lru_cache(maxsize=4096)  # a list has few domains
def _is_domain(domain: str) -> bool:
    """Whether an ASCII domain is one by the library's own rules; False also says `ask it about the whole address`."""
    if not domain.isascii():
        return False
    try:
        validate_email(f"somebody@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


def read_yes(text: str) -> bool | None:
    """True or false, in any of the words spreadsheets write; None for a blank cell."""
    word = text.casefold()
    if not word:
        return None
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f'"{shown(text)}" is neither true nor false')


def read_plan(text: str) -> Plan | None:
    """Free or paid; None for a blank cell."""
    word = text.casefold()
    if not word:
        return None
    if word in ("free", "paid"):
        return Plan(word)
    raise ValueError("the plan is free or paid")


def read_moment(text: str, column: str, month_first: bool | None = None) -> datetime | None:
    """An instant, UTC where the cell names no offset; None for a blank cell.

    ISO in its usual spellings, `2023-03-24 10:23:10 UTC`, Unix seconds or milliseconds, `Jan 5, 2026`. 3/4/2026 is read
    only where `month_first` says which is which, or one of them is above 12.
    """
    if not text:
        return None
    try:
        at = _parse_moment(text, month_first)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{column} is outside the calendar") from None
    except ValueError as wrong:
        why = str(wrong) if isinstance(wrong, _AmbiguousDate) else "is a date such as 2026-01-31, or 2026-01-31T09:00Z"
        raise ValueError(f"{column} {why}") from None


def names_a_day(text: str) -> bool:
    """Whether a cell that `read_moment` takes names a day and no hour of it."""
    return ":" not in text and (not text.isdigit() or len(text) == 8)


class _AmbiguousDate(ValueError):
    """Day and month cannot be told apart."""


def _parse_moment(text: str, month_first: bool | None) -> datetime:
    # First, for `fromisoformat` takes the milliseconds of 2017 for an hour of 1512.
    if _SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    if _MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if found := _ISO_PARTS.fullmatch(text):
        day, hour, zone = found.groups(default="+00:00")
        return datetime.fromisoformat(f"{day}T{hour.zfill(5) if hour.count(':') == 1 else hour.zfill(8)}{zone}")
    if found := _SLASHES.fullmatch(text):
        return _with_slashes([int(part or 0) for part in found.groups()], month_first)
    for form in _WRITTEN_DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(text)


def _with_slashes(parts: list[int], month_first: bool | None) -> datetime:
    first, second, year, hour, minute, seconds = parts
    if month_first is None and first <= 12 and second <= 12 and first != second:
        raise _AmbiguousDate("may be read two ways; write it as 2026-01-31")
    is_month_first = month_first if month_first is not None and first <= 12 else first <= 12
    month, day = (first, second) if is_month_first else (second, first)
    return datetime(year, month, day, hour, minute, seconds, tzinfo=UTC)


def read_tags(text: str, separators: str = ",;") -> frozenset[str]:
    """Tags with one of the separators between them, or a JSON list of them."""
    if not text:
        return frozenset()
    return _short_tags(text, separators) if len(text) <= _SHORT else _tags(text, separators)


@lru_cache(maxsize=4096)  # readers share a few sets of them; long ones would be kept at the price of flat memory
def _short_tags(text: str, separators: str) -> frozenset[str]:
    return _tags(text, separators)


def _tags(text: str, separators: str) -> frozenset[str]:
    if text.startswith("["):
        try:
            listed = orjson.loads(text)
        except orjson.JSONDecodeError:
            listed = None
        if isinstance(listed, list) and all(isinstance(tag, str) for tag in listed):
            return frozenset(tag.strip() for tag in listed if tag.strip())
    return frozenset(tag.strip() for tag in re.split(f"[{separators}]", text) if tag.strip())


def read_quoted_tags(text: str) -> frozenset[str]:
    """Tags in a cell that is a line of CSV itself: `"Book club","Early, very early"`."""
    if not text:
        return frozenset()
    try:
        rows = list(csv.reader([text], skipinitialspace=True))
    except csv.Error:
        raise ValueError("the tags cannot be read") from None
    return frozenset(tag.strip() for row in rows for tag in row if tag.strip())


def read_language(text: str) -> str:
    """A BCP 47 tag, or empty."""
    return _matching(text, _LANGUAGE.fullmatch, "the language is a tag such as en or pt-BR")


def read_zone(text: str) -> str:
    """An IANA zone, or empty."""
    return _matching(text, _is_zone, "the zone is a name such as Europe/Lisbon")


@lru_cache(maxsize=1024)
def read_country(text: str) -> str:
    """Two letters in capitals, or empty."""
    return _matching(text, _COUNTRY.fullmatch, "the country has two letters").upper()


def if_readable(read: Callable[[str], str], text: str) -> str:
    """The value, or empty where a platform wrote it for people (`United Kingdom`): too little to lose a row over."""
    try:
        return read(text)
    except ValueError:
        return ""


def shown(text: str) -> str:
    """A cell as an error may show it: short, and on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:39] + "…"


def _matching(text: str, fits: Callable[[str], object], otherwise: str) -> str:
    if text and not fits(text):
        raise ValueError(otherwise)
    return text
