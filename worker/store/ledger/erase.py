"""Erasing: what the ledger holds of one person becomes hashes, and nothing is forgotten by it.

A hash stands where an address key stood, so that a mailing which had the address still has it. No delivery changes its
state here: whoever is erased is skipped by `start`, as everybody is who may not be mailed any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Row, Table, select, update

from worker.domain.address import address_key
from worker.domain.erasure import AddressHash, is_hash, without
from worker.domain.mailing import MailingStatus
from worker.store.engine import Connection
from worker.store.ledger.mailings import cancel_mailing
from worker.store.ledger.moves import changed
from worker.store.ledger.owed_to import owned
from worker.store.tables import addressees, batches, deliveries, mailings, submissions

_CHUNK = 500
_UNPLANNED = (MailingStatus.SCHEDULED, MailingStatus.PLANNING, MailingStatus.PAUSED)


def wait_for_planning(connection: Connection) -> None:
    """Whatever is being planned at this moment is planned first, and nothing else is until this transaction ends.

    What freezes an audience has read the addresses it writes before, and would write them once more after they are hashed.
    """
    changed(connection, update(mailings).where(mailings.c.status.in_(_UNPLANNED)).values(status=mailings.c.status))


def erase_from_ledger(
    connection: Connection,
    subscriber_ids: Collection[int],
    address_keys: Collection[str],
    addresses: Collection[str],
    hashed: AddressHash,
    now: datetime,
) -> Counter[str]:
    """Hash these people's addresses, and these addresses whoever had them; returns how many rows changed, by table.

    `addresses` are taken out of what SendGrid said of their batches. A test that was to go to one of them and is not
    planned yet is cancelled.
    """
    rows = owned(connection, subscriber_ids, address_keys)
    done: Counter[str] = Counter()
    done["deliveries"] = _hash_deliveries(connection, rows, set(subscriber_ids), set(address_keys), hashed)
    done["addressees"] = _forget_addressees(connection, subscriber_ids, address_keys, now)
    done.update(_clean_words(connection, rows, sorted({*addresses, *address_keys})))
    return +done


def mailed_under(connection: Connection, subscriber_ids: Collection[int]) -> set[str]:
    """Every address key these people's deliveries name and that is no hash yet: what they were mailed under."""
    return {row.address_key for row in owned(connection, subscriber_ids, ()) if not is_hash(row.address_key)}


def _hash_deliveries(
    connection: Connection, rows: list[Row[Any]], own: set[int], keys: set[str], hashed: AddressHash
) -> int:
    # Of somebody else's delivery only what went to these addresses.
    mine = [row for row in rows if row.subscriber_id in own or row.address_key in keys]
    open_rows = [row for row in mine if not is_hash(row.address_key) or row.address]
    taken = {
        (row.mailing_id, row.address_key)
        for row in owned(connection, (), {hashed.of(row.address_key) for row in open_rows})
    }
    for row in open_rows:
        name = hashed.of(row.address_key)
        if name != row.address_key and (row.mailing_id, name) in taken:  # they were erased once before in this mailing
            name = f"{name}/{row.id}"
        taken.add((row.mailing_id, name))
        values: dict[str, Any] = {"address_key": name}
        if row.address is not None:
            values["address"] = ""
        changed(connection, update(deliveries).where(deliveries.c.id == row.id).values(values))
    return len(open_rows)


def _forget_addressees(
    connection: Connection, subscriber_ids: Collection[int], address_keys: Collection[str], now: datetime
) -> int:
    """One-off mailings name an address only where they need not go to a subscriber: tests and alerts, of which there are few."""
    named = select(addressees).where(addressees.c.address.is_not(None), addressees.c.address != "")
    found = [
        row
        for row in connection.execute(named)
        if row.subscriber_id in subscriber_ids or _key(row.address) in address_keys
    ]
    for row in found:
        changed(connection, update(addressees).where(addressees.c.id == row.id).values(address=""))
        status = connection.execute(
            select(mailings.c.status).where(mailings.c.id == row.mailing_id, mailings.c.planned_at.is_(None))
        ).scalar()
        if status in _UNPLANNED:
            cancel_mailing(connection, row.mailing_id, now)
    return len(found)


def _key(address: str) -> str:
    try:
        return address_key(address)
    except ValueError:
        return ""


def _clean_words(connection: Connection, rows: list[Row[Any]], names: list[str]) -> Counter[str]:
    """Take the addresses out of SendGrid's words about their batches, and about those that carried their rows before."""
    batch_ids = _with_parents(connection, {row.batch_id for row in rows})
    done: Counter[str] = Counter()
    places: list[tuple[Table, Column[Any], Column[Any], Collection[int]]] = [
        (submissions, submissions.c.detail, submissions.c.batch_id, batch_ids),
        (batches, batches.c.problem, batches.c.id, batch_ids),
        (batches, batches.c.set_aside, batches.c.id, batch_ids),
        (deliveries, deliveries.c.refused_reason, deliveries.c.batch_id, {row.batch_id for row in rows}),
        (mailings, mailings.c.needs_attention, mailings.c.id, {row.mailing_id for row in rows}),
    ]
    for table, column, of, ids in places:
        done[table.name] += _clean(connection, table, column, of, sorted(ids), lambda text: without(text, names))
    return done


def _clean(
    connection: Connection,
    table: Table,
    column: Column[Any],
    of: Column[Any],
    ids: list[int],
    clean: Callable[[str], str],
) -> int:
    cleaned = 0
    for start in range(0, len(ids), _CHUNK):
        query = select(table.c.id, column).where(of.in_(ids[start : start + _CHUNK]), column.is_not(None))
        for row_id, words in connection.execute(query).all():
            if (kept := clean(words)) != words:
                cleaned += changed(connection, update(table).where(table.c.id == row_id).values({column.name: kept}))
    return cleaned


def _with_parents(connection: Connection, ids: set[int]) -> set[int]:
    found, step = set(ids), set(ids)
    while step:
        query = select(batches.c.parent_id).where(batches.c.id.in_(sorted(step)), batches.c.parent_id.is_not(None))
        step = set(connection.execute(query).scalars()) - found
        found |= step
    return found
