"""One chunk of an import in one transaction: look up who is here, write what the decisions say, report each row's end.

Running it again changes nothing more. The dry run does the very same to a copy of those it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from worker.domain.address import address_key
from worker.domain.erasure import is_hash
from worker.domain.subscriber import Subscriber
from worker.store.engine import Connection
from worker.store.erased import address_hash
from worker.store.grants import set_bought, who_were_given
from worker.store.new_subscribers import NewSubscriber, insert_subscribers, new_referral_code
from worker.store.referrals import confirm_referral
from worker.store.restore import ErasedRecord, add_erased
from worker.store.subscribers import add_tags, by_address_keys, confirm_pending, update_subscribers
from worker.store.suppressions import reasons_for, suppress
from worker.usecases.import_decisions import Decision, RowEnd, Standing, decide, suppression_of
from worker.usecases.import_rows import RowKind, SubscriberRow

_PLAN = frozenset({"plan", "plan_source", "plan_ends_at"})

Chunk = Mapping[str, SubscriberRow]  # by `row_key`, in the file's order


@dataclass(frozen=True, slots=True)
class ChunkTerms:
    """What all chunks of one import share. `in_order`: ids follow the file, for a list of our own.

    `zone` is the one whose days paid time ends with.
    """

    file: str
    now: datetime
    in_order: bool = False
    zone: str = "UTC"
    draw: Callable[[], str] = new_referral_code


class RowReport(NamedTuple):
    """One row's end. `suppressed`: it made an address one not to be mailed, or gave it a stronger reason."""

    line: int
    address: str
    end: RowEnd
    why: str = ""
    suppressed: bool = False


def row_key(row: SubscriberRow) -> str:
    """What makes two rows be about one person: the address or the hash of one, or the code of somebody erased."""
    if row.kind is RowKind.ERASED:
        return f"erased:{row.referral_code}"
    return row.address if is_hash(row.address) else address_key(row.address)


def import_chunk(connection: Connection, chunk: Chunk, terms: ChunkTerms) -> list[RowReport]:
    """Write a chunk; the reports are in the file's order, and so are the ids of who is added, where the terms ask for it."""
    ends: dict[str, RowReport] = {}
    for erased, some in groupby(chunk.items(), key=lambda item: item[1].kind is RowKind.ERASED):
        write = _import_erased if erased else _import_people
        ends |= write(connection, dict(some), terms)
    return [ends[key] for key in chunk]


def _import_people(connection: Connection, rows: Chunk, terms: ChunkTerms) -> dict[str, RowReport]:
    if not rows:
        return {}
    if any(map(is_hash, rows)):
        address_hash(connection)  # notes the secret they are recognised under, before there is anything to recognise
    # In this order: another import commits both together, and a suppression seen without its subscriber means erased.
    before = reasons_for(connection, rows)
    here = by_address_keys(connection, rows)
    # Suppressions first: who is added next then starts with the status that follows from them.
    asked = {key: suppression_of(row, key, here.get(key), terms.file, terms.now) for key, row in rows.items()}
    found = [one for one in asked.values() if one is not None]
    suppress(connection, found)
    after = before | reasons_for(connection, [one.address_key for one in found])
    decisions = {
        key: decide(row, Standing(here.get(key), before.get(key), after.get(key)), terms.file, terms.now, terms.zone)
        for key, row in rows.items()
    }
    news = {key: one.new for key, one in decisions.items() if one.new is not None}
    _write_changes(connection, here, decisions, terms)
    added = insert_subscribers(connection, news, terms.draw, terms.in_order)
    ends = {
        key: RowReport(rows[key].line, rows[key].address, one.end, one.why, after.get(key) is not before.get(key))
        for key, one in decisions.items()
    }
    if len(added) < len(news):  # they signed up while this chunk was read; now they are here like anybody else
        ends |= _import_people(connection, _overtaken(rows, news, added), terms)
    return ends


def _overtaken(rows: Chunk, news: Mapping[str, NewSubscriber], added: frozenset[str]) -> dict[str, SubscriberRow]:
    return {key: rows[key] for key in news if key not in added}


def _write_changes(
    connection: Connection, here: Mapping[str, Subscriber], decisions: Mapping[str, Decision], terms: ChunkTerms
) -> None:
    here_by_id = {one.id: one for one in here.values()}
    changed = {here[key].id: one for key, one in decisions.items() if one.end is RowEnd.CHANGED and key in here}
    given = who_were_given(connection, [owner for owner, one in changed.items() if _PLAN & one.changes.keys()])
    update_subscribers(
        connection,
        {
            owner: {name: value for name, value in one.changes.items() if owner not in given or name not in _PLAN}
            for owner, one in changed.items()
        },
    )
    for owner in sorted(given):  # what was given here stays beside what the list says they bought
        _set_bought(connection, here_by_id[owner], changed[owner].changes, terms)
    add_tags(connection, [(owner, tag) for owner, one in changed.items() for tag in one.tags])
    confirmed = confirm_pending(connection, [owner for owner, one in changed.items() if one.confirm], terms.now)
    for owner in sorted(confirmed):
        confirm_referral(connection, owner, terms.now)


def _set_bought(connection: Connection, person: Subscriber, changes: Mapping[str, Any], terms: ChunkTerms) -> None:
    plan = changes.get("plan", person.plan)
    source = changes.get("plan_source", person.plan_source)
    ends_at = changes.get("plan_ends_at", person.plan_ends_at)  # what is as it was is no change, and not written down
    set_bought(connection, person.id, plan, source, ends_at, terms.zone, terms.now)


def _import_erased(connection: Connection, rows: Chunk, terms: ChunkTerms) -> dict[str, RowReport]:
    records = [
        ErasedRecord(row.referral_code, min(row.joined_at or terms.now, terms.now), row.erased_at or terms.now)
        for row in rows.values()
    ]
    added = add_erased(connection, records)
    return {
        key: RowReport(row.line, "", RowEnd.ADDED if row.referral_code in added else RowEnd.UNCHANGED, "erased")
        for key, row in rows.items()
    }
