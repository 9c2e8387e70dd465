"""Rules about all personalizations together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from worker.mailroom.rules.problem import Problem
from worker.mailroom.rules.row import RECIPIENT_FIELDS

RECIPIENTS = 1_000  # limitations page: to, cc and bcc over all personalizations

WholeRule = Callable[[list[Any]], Iterator[Problem]]


def recipients_are_few(rows: list[Any]) -> Iterator[Problem]:
    """At most 1,000 recipients in one request, counted over to, cc and bcc."""
    count = sum(1 for _ in _addresses(rows))
    if count > RECIPIENTS:
        yield Problem(f"There are {count} recipients; the limit is {RECIPIENTS}.", "personalizations")


def addresses_are_unique(rows: list[Any]) -> Iterator[Problem]:
    """An address is in one personalization only, whatever its case.

    The errors page forbids it, the personalizations page does not, and one user saw silent de-duplication
    (smtpapi-csharp 105). Taken as forbidden, so that nobody comes to rely on the friendlier reading.
    """
    first: dict[str, int] = {}
    for number, field, address in _addresses(rows):
        if first.setdefault(address.casefold(), number) != number:
            yield Problem(
                f"Each unique address may be in one personalization only; [{address}] is in more.",
                f"personalizations.{number}.{field}",
            )


def _addresses(rows: list[Any]) -> Iterator[tuple[int, str, str]]:
    for number, row in enumerate(rows):
        for field in RECIPIENT_FIELDS if isinstance(row, dict) else ():
            entries = row.get(field)
            for one in entries if isinstance(entries, list) else ():
                if isinstance(one, dict) and isinstance(one.get("email"), str):
                    yield number, field, one["email"]


WHOLE_RULES: tuple[WholeRule, ...] = (recipients_are_few, addresses_are_unique)
