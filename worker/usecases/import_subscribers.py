"""Import subscribers from a CSV: add who is new, change what a cell says of who is here, refuse what is broken.

An import never brings back somebody who left, bounced or complained: such a row is kept back, whatever it says.
A row that says somebody left, bounced or complained is obeyed. Blank cells change nothing; tags are only added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from worker.domain.address import address_key
from worker.domain.subscriber import Plan, Subscriber, SubscriberStatus, cut_name
from worker.domain.suppression import Suppression
from worker.errors import SourceError
from worker.store.engine import Connection, Engine, writing
from worker.store.referrals import confirm_referral
from worker.store.subscribers import (
    NewSubscriber,
    add_subscribers,
    add_tags,
    by_address_keys,
    set_status,
    update_subscriber,
)
from worker.store.suppressions import reasons_for, suppress
from worker.usecases.read_subscribers_csv import RefusedRow, SubscriberRow, read_rows

CHUNK = 1_000  # rows in one transaction; an import that died is simply run again

OnProgress = Callable[[int], None]


class RowEnd(StrEnum):
    """What became of a readable row."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    KEPT_BACK = "kept_back"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many rows ended how; added + changed + unchanged + kept_back + refused is every row that was not blank.

    `suppressed` counts rows (added or changed) that say an address must not be mailed.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_back: int = 0
    suppressed: int = 0
    refused: tuple[RefusedRow, ...] = ()


def import_subscribers(
    engine: Engine,
    source: Path | Iterable[str],
    now: datetime,
    on_progress: OnProgress | None = None,
    name: str = "",
) -> ImportReport:
    """Import a file, or the lines of one called `name`. `on_progress` is told the rows read so far, now and then.

    Raises SourceError for a file that cannot be read at all; a bad row is reported and never stops the rest.
    """
    name = name or (source.name if isinstance(source, Path) else "lines")
    ends: Counter[str] = Counter()
    refused: list[RefusedRow] = []
    with _lines(source) as lines:
        for chunk in _chunks(read_rows(lines, name), refused):
            with writing(engine) as connection:
                ends.update(_import_chunk(connection, chunk, f"import:{name}", now))
            if on_progress is not None:
                on_progress(sum(ends[end] for end in RowEnd) + len(refused))
    return ImportReport(**ends, refused=tuple(refused))


@contextmanager
def _lines(source: Path | Iterable[str]) -> Iterator[Iterable[str]]:
    if not isinstance(source, Path):
        yield source
        return
    # Undecodable bytes must not stop the file; the reader refuses the rows that hold them.
    try:
        opened = source.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
    except OSError as problem:
        raise SourceError(f"cannot be read ({problem.strerror})", file=str(source), fix="check the path") from None
    with opened:
        yield opened


def _chunks(
    rows: Iterable[SubscriberRow | RefusedRow], refused: list[RefusedRow]
) -> Iterator[dict[str, SubscriberRow]]:
    """Rows by address key. A second row for one address begins a new chunk, so it finds what the first one wrote."""
    chunk: dict[str, SubscriberRow] = {}
    for row in rows:
        if isinstance(row, RefusedRow):
            refused.append(row)
            continue
        key = address_key(row.address)
        if key in chunk or len(chunk) == CHUNK:
            yield chunk
            chunk = {}
        chunk[key] = row
    if chunk:
        yield chunk


def _import_chunk(
    connection: Connection, rows: Mapping[str, SubscriberRow], evidence: str, now: datetime
) -> Counter[str]:
    # In this order: another import commits both together, and a suppression seen without its subscriber means erased.
    reasons = reasons_for(connection, rows)
    here = by_address_keys(connection, rows)
    # Suppressions first: who is added next then starts with the status that follows from them.
    found = [Suppression(key, row.reason, now, evidence) for key, row in rows.items() if row.reason]
    suppress(connection, found)
    after = reasons_for(connection, [one.address_key for one in found])
    ends: Counter[str] = Counter()
    news: list[NewSubscriber] = []
    for key, row in sorted(rows.items()):  # one order everywhere: two imports at once wait, and seldom deadlock
        subscriber, before = here.get(key), reasons.get(key)
        if row.reason is None and (before or (subscriber and subscriber.status is SubscriberStatus.UNSUBSCRIBED)):
            ends[RowEnd.KEPT_BACK] += 1
            continue
        worsened = row.reason is not None and after[key] is not before
        ends["suppressed"] += worsened
        if subscriber is not None:
            changed = _change(connection, subscriber, row, now) or worsened
            ends[RowEnd.CHANGED if changed else RowEnd.UNCHANGED] += 1
        elif before is not None:  # suppressed and not a subscriber: erased, perhaps; their data is not wanted back
            ends[RowEnd.KEPT_BACK] += 1
        else:
            news.append(_new(row, evidence, now))
    added = add_subscribers(connection, news)
    ends[RowEnd.ADDED] += added
    ends[RowEnd.UNCHANGED] += len(news) - added  # signed up while this chunk was read
    return ends


def _new(row: SubscriberRow, source: str, now: datetime) -> NewSubscriber:
    return NewSubscriber(
        address=row.address,
        joined_at=min(row.joined_at or now, now),
        name=row.name,
        plan=row.plan or Plan.FREE,
        status=row.status or SubscriberStatus.CONFIRMED,  # an opt-out written above wins over it
        language=row.language,
        zone=row.zone,
        country=row.country,
        source=source,
        tags=row.tags,
    )


def _change(connection: Connection, subscriber: Subscriber, row: SubscriberRow, now: datetime) -> bool:
    wanted: dict[str, Any] = {
        "name": cut_name(row.name),
        "plan": row.plan,
        "language": row.language,
        "zone": row.zone,
        "country": row.country,
    }
    changes = {name: value for name, value in wanted.items() if value and value != getattr(subscriber, name)}
    update_subscriber(connection, subscriber.id, changes)
    tagged = add_tags(connection, [(subscriber.id, tag) for tag in row.tags - subscriber.tags])
    confirmed = False
    if row.status is SubscriberStatus.CONFIRMED and subscriber.status is SubscriberStatus.PENDING:
        confirmed = set_status(connection, subscriber.id, SubscriberStatus.CONFIRMED, now)
        confirm_referral(connection, subscriber.id, now)
    return bool(changes or tagged or confirmed)
