"""Lateness: `[late]` in publication.toml, and `late:` in an issue's front matter."""

from __future__ import annotations

from worker.domain.late import Late, Lateness, parse_span
from worker.sources.files import Toml
from worker.sources.frontmatter import Sheet

_POLICIES = ", ".join(Late)


def read_lateness(source: Toml) -> Lateness:
    """The publication's rule; the usual one where there is no table."""
    table = source.table("late")
    source.only(table, {"policy", "grace"}, "late.")
    usual = Lateness()
    policy = source.string("policy", usual.policy.value, within="late")
    if policy not in set(Late):
        raise source.wrong("late.policy", f"is none of {_POLICIES}: {policy!r}", 'write policy = "ask"')
    written = source.string("grace", "", within="late")
    if not written:
        return Lateness(Late(policy))
    try:
        return Lateness(Late(policy), parse_span(written))
    except ValueError as wrong:
        raise source.wrong("late.grace", f"cannot be read: {wrong}", 'write grace = "2h"') from None


def late_of(sheet: Sheet) -> Late | None:
    """What an issue says for itself; None where it leaves that to the publication."""
    written = sheet.string("late", "")
    if not written:
        return None
    if written not in set(Late):
        raise sheet.wrong("late", f"is none of {_POLICIES}: {written!r}", "write late: ask")
    return Late(written)
