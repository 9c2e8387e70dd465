"""Sync suppressions with SendGrid's own lists: once a day, page by page, both ways.

Who opted out on SendGrid's page, or whose mail it will not deliver, is otherwise known there alone, and shows up here
only as a 202 followed by `dropped`. Pages are written with the place reached in one transaction, so a crash goes on where
it was. Lists overlap by a day from run to run; reading an entry twice changes nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from worker.domain.address import address_key
from worker.domain.mailing import Queue
from worker.domain.suppression import Suppression
from worker.logs import say
from worker.providers.scheduled import Declined, Unreached
from worker.providers.suppression_lists import Entry, ListName, Page, SuppressionLists
from worker.store.engine import Connection, Engine, reading, writing
from worker.store.pushes import consents, count_unpushed, mark_pushed
from worker.store.suppressions import reasons_for, suppress
from worker.store.sync_cursors import end_turn, is_due, put_off, read_cursor, take_turn, write_cursor
from worker.usecases.due import Due
from worker.usecases.push_suppressions import Pushed, push_suppressions

log = logging.getLogger("broadsheet.suppressions")

TASK = "sync_suppressions"
EVERY = timedelta(days=1)
LEASE = timedelta(minutes=15)
OVERLAP = timedelta(days=1)
_STALE = timedelta(hours=1)  # an older run's offsets are not trusted: rows may have been deleted meanwhile
_AGAIN = timedelta(minutes=15)

#: Read in this order. Blocks are not: they say nothing about an address.
PULLED = (ListName.OPT_OUTS, ListName.COMPLAINTS, ListName.BOUNCES, ListName.INVALID)
#: Mail to an address on these is dropped by SendGrid as an opt-out, so it need not be told of it.
_KNOWN_THERE = (ListName.OPT_OUTS, ListName.COMPLAINTS)


@dataclass(frozen=True, slots=True)
class Synced:
    """What a run did. `read` counts rows by list, `new` addresses that were not suppressed before, by list.

    `came_back` are rows older than the reader's own consent, `unusable` rows that say nothing about an address or name
    none. `pushed` is how many opt-outs SendGrid was told (in a dry run: would be). `problem` is what ended it early.
    """

    read: Mapping[str, int] = field(default_factory=dict)
    new: Mapping[str, int] = field(default_factory=dict)
    came_back: int = 0
    unusable: int = 0
    pushed: int = 0
    refused: int = 0
    problem: str = ""


def sync_due(connection: Connection, now: datetime) -> list[Due]:
    """The daily job, where a day has passed since it last went through."""
    return [Due(TASK, 0, Queue.PROMPT)] if is_due(connection, TASK, now, EVERY) else []


def sync_suppressions_daily(engine: Engine, lists: SuppressionLists, now: datetime) -> Synced | None:
    """The day's run; None where it has been done, or another process is at it."""
    with writing(engine) as connection:
        if not take_turn(connection, TASK, now, EVERY, LEASE):
            return None
    synced = sync_suppressions(engine, lists, now)
    with writing(engine) as connection:
        if synced.problem:
            put_off(connection, TASK, now + _AGAIN)
        else:
            end_turn(connection, TASK, now)
    return synced


def sync_suppressions(engine: Engine, lists: SuppressionLists, now: datetime, *, dry_run: bool = False) -> Synced:
    """Pull every list, then push opt-outs. `dry_run` reads what a run would read, and writes and pushes nothing."""
    seen = _Seen()
    problem = ""
    for name in PULLED:
        problem = problem or _pull(engine, lists, name, now, seen, dry_run=dry_run)
    pushed = Pushed()
    if dry_run:
        with reading(engine) as connection:
            pushed = Pushed(count_unpushed(connection))
    elif not problem:
        pushed = push_suppressions(engine, lists, now) or Pushed()
    synced = Synced(
        read=dict(seen.read),
        new=dict(seen.new),
        came_back=seen.came_back,
        unusable=seen.unusable,
        pushed=pushed.pushed,
        refused=pushed.refused,
        problem=problem or pushed.problem,
    )
    if not dry_run:
        level = logging.WARNING if synced.problem else logging.INFO
        new = sum(synced.new.values())
        say(log, level, "suppressions synced", read=sum(synced.read.values()), new=new, problem=synced.problem)
    return synced


@dataclass(slots=True)
class _Seen:
    """Counts of a run so far."""

    read: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(PULLED, 0)))
    new: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(PULLED, 0)))
    came_back: int = 0
    unusable: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a list is read: rows added from `since` to `until`, in Unix seconds, `offset` of them taken."""

    since: int
    until: int
    offset: int = 0

    @classmethod
    def resumed(cls, position: str, now: datetime) -> _Place:
        since, until, offset = (int(part) for part in (position or "0 0 0").split())
        seconds = int(now.timestamp())
        if abs(seconds - until) <= _STALE.total_seconds():
            return cls(since, until, offset)
        return cls(since, seconds)

    def after(self, page: Page) -> _Place:
        if not page.last:
            return _Place(self.since, self.until, self.offset + page.rows)
        return _Place(max(0, self.until - int(OVERLAP.total_seconds())), 0)

    def __str__(self) -> str:
        return f"{self.since} {self.until} {self.offset}"


def _pull(engine: Engine, lists: SuppressionLists, name: ListName, now: datetime, seen: _Seen, *, dry_run: bool) -> str:
    """Read one list to its end; what stopped that, or empty."""
    cursor = f"sendgrid:{name}"
    with reading(engine) as connection:
        place = _Place.resumed(read_cursor(connection, cursor), now)
    while True:
        since = datetime.fromtimestamp(place.since, UTC) if place.since else None
        page = lists.read(name, since, datetime.fromtimestamp(place.until, UTC), place.offset)
        if isinstance(page, Declined | Unreached):
            return f"{name}: {page.reason}"
        place = place.after(page)
        seen.read[name] += page.rows
        seen.unusable += page.rows - len(page.entries)
        with reading(engine) if dry_run else writing(engine) as connection:
            found = _wanted(connection, name, page.entries, seen)
            seen.new[name] += len(found.keys() - reasons_for(connection, found).keys())
            if not dry_run:
                suppress(connection, found.values())
                if name in _KNOWN_THERE:
                    mark_pushed(connection, found, now)
                write_cursor(connection, cursor, str(place), now)
        if page.last:
            return ""


def _wanted(connection: Connection, name: ListName, entries: Sequence[Entry], seen: _Seen) -> dict[str, Suppression]:
    """What a page's rows suppress, by address key.

    Left out is who consented after the row was made, whom nothing suppresses here: they came back, and SendGrid's row is
    what remains of their leaving.
    """
    found: dict[str, Suppression] = {}
    for entry in entries:
        try:
            key = address_key(entry.address)
        except ValueError:
            key = ""
        if not key or entry.reason is None:
            seen.unusable += 1
        else:
            found.setdefault(key, Suppression(key, entry.reason, entry.at, f"sendgrid:{name}"))
    since = consents(connection, found)
    back = {key for key, at in since.items() if at > found[key].at}
    seen.came_back += len(back)
    return {key: one for key, one in found.items() if key not in back}
