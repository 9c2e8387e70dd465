"""The publication: `content/publication.toml`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.domain.publication import Goal, Publication, Slot
from worker.domain.segment import Rule, parse_rule
from worker.sources.files import Toml, hour, is_language
from worker.sources.late import read_lateness
from worker.sources.quiet import read_quiet
from worker.sources.referrals import read_referral_rules
from worker.sources.utm import read_utm
from worker.sources.warm_up import read_warm_up

_KEYS = frozenset(
    {"name", "author", "sender", "reply_to", "postal_address", "list_id", "language", "home", "description", "logo"}
    | {"benefits", "slot", "links", "segments", "goal", "warm_up", "late", "referral", "utm", "followups"}
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RESERVED = {"everyone", "paid", "free"}
_ADDRESS = re.compile(r"[^@\s<>\",;]+@[^@\s<>\",;]+\.[^@\s<>\",;.]+")


def read_publication(project: Path) -> Publication:
    """The publication. SourceError naming the key for whatever is missing, wrong or unknown."""
    source = Toml.read(project, project / "content" / "publication.toml")
    source.only(source.values, _KEYS)
    sender = _address(source, "sender", None)
    slot = _slot(source)
    return Publication(
        name=_header(source, "name"),
        author=_header(source, "author"),
        sender=sender,
        reply_to=_address(source, "reply_to", sender),
        postal_address=source.string("postal_address"),
        list_id=_list_id(source),
        language=_language(source),
        home=source.url("home"),
        slot=slot,
        description=source.string("description", ""),
        logo=source.url("logo", ""),
        links={name: source.url(name, within="links") for name in source.table("links")},
        benefits=_benefits(source),
        segments=_segments(source, slot.zone),
        goal=_goal(source),
        warm_up=read_warm_up(source),
        late=read_lateness(source),
        quiet=read_quiet(source),
        referral=read_referral_rules(source, project),
        utm=read_utm(source),
    )


def _header(source: Toml, key: str) -> str:
    """Text that stands in a header of every mail: one line without controls."""
    value = source.string(key)
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in value):
        raise source.wrong(key, f"must stand on one line: {value!r}", "take the line break out")
    return value


def _address(source: Toml, key: str, default: str | None) -> str:
    value = source.string(key, default)
    if not _ADDRESS.fullmatch(value):
        raise source.wrong(key, f"is no mail address: {value!r}", f'write {key} = "name@example.com"')
    return value


def _list_id(source: Toml) -> str:
    value = source.string("list_id")
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", value):
        fix = 'write a dotted name of your domain: list_id = "letters.example.com"'
        raise source.wrong("list_id", f"is no List-Id: {value!r}", fix)
    return value


def _language(source: Toml) -> str:
    value = source.string("language", "en")
    if not is_language(value):
        raise source.wrong("language", f"is no language tag: {value!r}", 'write language = "en" or "pt-BR"')
    return value


def _slot(source: Toml) -> Slot:
    table = source.table("slot")
    source.only(table, {"weekday", "at", "zone"}, "slot.")
    weekday = source.string("weekday", within="slot").lower()
    if weekday not in _WEEKDAYS:
        raise source.wrong("slot.weekday", f"is no weekday: {weekday!r}", 'write weekday = "monday"')
    at = hour(table.get("at"))
    if at is None:
        raise source.wrong("slot.at", "is no hour", 'write at = "07:00"')
    return Slot(_WEEKDAYS.index(weekday), at, source.zone("zone", within="slot"))


def _goal(source: Toml) -> Goal | None:
    table = source.table("goal")
    if not table:
        return None
    source.only(table, {"subscribers", "label"}, "goal.")
    aim = table.get("subscribers")
    if not isinstance(aim, int) or isinstance(aim, bool) or aim < 1:
        raise source.wrong("goal.subscribers", "must be a whole number above 0", "write subscribers = 5000")
    return Goal(aim, source.string("label", within="goal"))


def _benefits(source: Toml) -> tuple[str, ...]:
    value = source.values.get("benefits", [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise source.wrong("benefits", "must be a list of texts", 'write benefits = ["...", "..."]')
    return tuple(item.strip() for item in value)


def _segments(source: Toml, zone: str) -> Mapping[str, Rule]:
    rules: dict[str, Rule] = {}
    table: Mapping[str, Any] = source.table("segments")
    for name, written in table.items():
        if name in _RESERVED:
            raise source.wrong(f"segments.{name}", "is a name with a meaning of its own", "choose another name")
        try:
            rules[name] = parse_rule(written, zone)
        except ValueError as wrong:
            fix = 'write for example { tag = "producer" } or { all = [{ plan = "paid" }, { tag = "producer" }] }'
            raise source.wrong(f"segments.{name}", f"cannot be read: {wrong}", fix) from None
    return rules
