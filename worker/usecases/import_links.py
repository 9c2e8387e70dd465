"""After a list of our own was imported: who brought whom, and which records were merged. A second pass over the file.

Only then is everybody here whom a row can name. It links by address, so a code that was drawn anew misleads nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from worker.domain.address import address_key
from worker.store.engine import Connection, Engine, write
from worker.store.restore import Referred, add_known_keys, add_milestones, add_referred, ids_of, merge_into
from worker.usecases.import_rows import RowKind, SubscriberRow
from worker.usecases.read_list import open_list

CHUNK = 500  # rows in one transaction: each names up to three people


def import_links(engine: Engine, path: Path, mapping: Mapping[str, str] | None = None) -> None:
    """Write the links of every row that has some. What is known here stays; repeating it changes nothing."""
    with open_list(path, mapping) as opened:
        rows = (row for row in opened.rows() if isinstance(row, SubscriberRow) and row.links)
        for chunk in _chunks(rows):
            write(engine, lambda connection, chunk=chunk: _link(connection, chunk))  # type: ignore[misc]


def _chunks(rows: Iterator[SubscriberRow]) -> Iterator[list[SubscriberRow]]:
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


def _link(connection: Connection, rows: Sequence[SubscriberRow]) -> None:
    named = {name for row in rows for name in _names(row)}
    ids = ids_of(connection, named)
    referred = []
    for row in rows:
        own, links = ids.get(_own(row)), row.links
        if own is None or links is None:
            continue
        referrer, target = ids.get(_usable(links.referred_by)), ids.get(_usable(links.merged_into))
        if referrer is not None and referrer != own and links.referred_at is not None:
            moments = (links.referred_at, links.referral_confirmed_at)
            referred.append(Referred(own, referrer, *moments, links.referral_state, links.referral_reason))
        add_milestones(connection, own, links.milestones, links.referred_at or datetime.now(UTC))
        add_known_keys(connection, own, links.known_keys)
        if target is not None:
            merge_into(connection, own, target)
    add_referred(connection, referred)


def _names(row: SubscriberRow) -> Iterator[str]:
    yield _own(row)
    if row.links:
        yield from filter(None, (_usable(row.links.referred_by), _usable(row.links.merged_into)))


def _own(row: SubscriberRow) -> str:
    return row.referral_code if row.kind is RowKind.ERASED else row.address


def _usable(name: str) -> str:
    """The name, or nothing where it looks like an address and is none."""
    if "@" not in name:
        return name
    try:
        address_key(name)
    except ValueError:
        return ""
    return name
