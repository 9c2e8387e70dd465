"""Referrals: `[referral]` and `[[referral.milestones]]` of publication.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worker.domain.milestone import Approval, Milestone, ReferralRules, Reward
from worker.errors import SourceError
from worker.sources.files import Toml, is_https

MILESTONES_MOST = 50  # each is looked at with every step that counts from `almost`
FOLDER = "rewards"  # of content/: the files that milestones give
LONGEST_DAYS = 365
MOST_MONTHS = 120
NAME_CHARS = 120
_KEYS = frozenset({"days", "per_network", "disposable", "milestones"})
_MILESTONE_KEYS = frozenset({"id", "friends", "name", "months", "file", "link", "text", "approval"})
_REWARDS = ("months", "file", "link", "text")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


def read_referral_rules(source: Toml, project: Path) -> ReferralRules:
    """The publication's rules; the usual ones where there is no table. SourceError naming the key and the line."""
    table = source.table("referral")
    source.only(table, _KEYS, "referral.")
    usual = ReferralRules()
    return ReferralRules(
        days=_number(source, table, "days", usual.days, 0, LONGEST_DAYS),
        per_network=_number(source, table, "per_network", usual.per_network, 1, 1_000_000),
        disposable=_domains(source, table),
        milestones=_milestones(source, table, project),
    )


def reward_file(project: Path, name: str) -> Path | None:
    """The file of that name in content/rewards/, if there is one; nothing outside that folder."""
    folder = (project / "content" / FOLDER).resolve()
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # longer than a name can be, links in a circle, a NUL
        return None


def _number(source: Toml, table: Mapping[str, Any], key: str, usual: int, least: int, most: int) -> int:
    value = table.get(key, usual)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        what = f"must be a whole number from {least} to {most}, not {value!r}"
        raise source.wrong(f"referral.{key}", what, f"write {key} = {max(least, usual)}")
    return value


def _domains(source: Toml, table: Mapping[str, Any]) -> frozenset[str]:
    written = table.get("disposable", [])
    usable = isinstance(written, list) and all(
        isinstance(one, str) and _DOMAIN.fullmatch(one.strip().lower()) for one in written
    )
    if not usable:
        raise source.wrong("referral.disposable", "must be a list of domains", 'write disposable = ["example.org"]')
    return frozenset(one.strip().lower() for one in written)


def _milestones(source: Toml, table: Mapping[str, Any], project: Path) -> tuple[Milestone, ...]:
    written = table.get("milestones", [])
    if not isinstance(written, list) or not all(isinstance(one, Mapping) for one in written):
        fix = "write each as [[referral.milestones]] and its keys on the lines below"
        raise source.wrong("referral.milestones", "are no tables", fix)
    if len(written) > MILESTONES_MOST:
        raise _Place(source, MILESTONES_MOST).wrong("id", f"is one more than {MILESTONES_MOST}", "leave some out")
    found = [_milestone(_Place(source, number), one, project) for number, one in enumerate(written)]
    for number, one in enumerate(found):
        if one.id in {other.id for other in found[:number]}:
            place = _Place(source, number)
            raise place.wrong("id", f"is there twice: {one.id!r}", "give each milestone an id of its own")
    return tuple(sorted(found, key=lambda one: (one.friends, one.id)))


class _Place:
    """One [[referral.milestones]] of a file, so that an error names its own line and not another one's."""

    def __init__(self, source: Toml, number: int) -> None:
        self._source, self._number = source, number

    def wrong(self, key: str, what: str, fix: str) -> SourceError:
        """An error about a key of this milestone, at its line, or at the milestone's where the key is missing."""
        lines = self._source.text.split("\n")
        starts = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[\s*referral\.milestones\s*\]\]", line)]
        line = None
        if self._number < len(starts):
            begin = starts[self._number]
            rest = range(begin + 1, starts[self._number + 1] if self._number + 1 < len(starts) else len(lines))
            line = next((at for at in rest if re.match(rf"\s*{re.escape(key)}\s*=", lines[at])), begin) + 1
        name = f"referral.milestones[{self._number + 1}].{key}"
        return SourceError(f"{name} {what}", file=self._source.file, line=line, fix=fix)


def _milestone(place: _Place, table: Mapping[str, Any], project: Path) -> Milestone:
    for key in table:
        if key not in _MILESTONE_KEYS:
            raise place.wrong(key, "is no key Broadsheet knows", f"use one of: {', '.join(sorted(_MILESTONE_KEYS))}")
    milestone_id = table.get("id")
    if not isinstance(milestone_id, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", milestone_id):
        raise place.wrong("id", f"is no short name: {milestone_id!r}", 'write id = "hat", and never change it')
    friends = table.get("friends")
    if not isinstance(friends, int) or isinstance(friends, bool) or not 1 <= friends <= 1_000_000:
        raise place.wrong("friends", f"must be a whole number above 0, not {friends!r}", "write friends = 3")
    approval = table.get("approval", Approval.AUTOMATIC.value)
    if not isinstance(approval, str) or approval not in set(Approval):
        raise place.wrong(
            "approval", f"is none of {', '.join(Approval)}: {approval!r}", 'write approval = "manual", or leave it out'
        )
    return Milestone(milestone_id, friends, _name(place, table), _reward(place, table, project), Approval(approval))


def _name(place: _Place, table: Mapping[str, Any]) -> str:
    name = table.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > NAME_CHARS or not name.strip().isprintable():
        raise place.wrong(
            "name", f"must be one short line of text, not {name!r}", 'write name = "a month of the paid letter"'
        )
    return name.strip()


def _reward(place: _Place, table: Mapping[str, Any], project: Path) -> Reward:
    given = [key for key in _REWARDS if key in table]
    if len(given) != 1:
        what = (
            "is missing: a milestone brings one reward"
            if not given
            else f"stands beside {given[0]}: it brings one reward"
        )
        fix = 'write one of months = 1, file = "guide.pdf", link = "https://...", text = "..."'
        raise place.wrong(given[1] if given else "reward", what, fix)
    [key] = given
    value = table[key]
    if key == "months":
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_MONTHS:
            raise place.wrong(key, f"must be a whole number from 1 to {MOST_MONTHS}, not {value!r}", "write months = 1")
        return Reward(months=value)
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise place.wrong(key, f"must be text, not {value!r}", f'write {key} = "..."')
    value = value.strip()
    if key == "file" and reward_file(project, value) is None:
        raise place.wrong(key, f"is no file: {value!r}", f"put it into content/{FOLDER}/ under that name")
    if key == "link" and not is_https(value):
        raise place.wrong(key, f"is not an https address: {value!r}", "write https://...")
    return Reward(file=value) if key == "file" else Reward(link=value) if key == "link" else Reward(text=value)
