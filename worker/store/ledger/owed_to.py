"""Owed to: what the ledger knows of one person, over all mailings. Reads only.

There is no index by subscriber or address alone, for a person is asked about seldom and deliveries are many: each mailing
is looked up by its own unique keys.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, select

from worker.store.engine import Connection
from worker.store.ledger.candidates import Candidate, read_candidates
from worker.store.tables import deliveries, exclusions, mailings


def owned(connection: Connection, subscriber_ids: Collection[int], address_keys: Collection[str]) -> list[Row[Any]]:
    """(id, mailing_id, subscriber_id, address_key, address, batch_id) of every delivery of these people, or to these addresses."""
    columns = (
        deliveries.c.id,
        deliveries.c.mailing_id,
        deliveries.c.subscriber_id,
        deliveries.c.address_key,
        deliveries.c.address,
        deliveries.c.batch_id,
    )
    found: dict[int, Row[Any]] = {}
    for column, wanted in ((deliveries.c.subscriber_id, subscriber_ids), (deliveries.c.address_key, address_keys)):
        if wanted:
            joined: Select[Any] = select(*columns).select_from(mailings)
            joined = joined.join(deliveries, deliveries.c.mailing_id == mailings.c.id).where(column.in_(sorted(wanted)))
            found.update((row.id, row) for row in connection.execute(joined))
    return [found[one] for one in sorted(found)]


def candidates_of(
    connection: Connection, subscriber_ids: Collection[int], key: str
) -> list[tuple[Row[Any], Candidate]]:
    """(mailing's key, kind and planned_at, candidate) of each delivery of a person, oldest mailing first."""
    rows = owned(connection, subscriber_ids, [key])
    about = {row.id: row for row in connection.execute(_mailings({row.mailing_id for row in rows}))}
    found = {one.delivery_id: one for one in read_candidates(connection, [row.id for row in rows])}
    return [(about[row.mailing_id], found[row.id]) for row in sorted(rows, key=lambda one: (one.mailing_id, one.id))]


def exclusions_of(connection: Connection, subscriber_ids: Collection[int]) -> list[Row[Any]]:
    """(key, kind, reason, planned_at) of every mailing that left these people out, oldest first."""
    query: Select[Any] = (
        select(mailings.c.key, mailings.c.kind, exclusions.c.reason, mailings.c.planned_at)
        .select_from(mailings)
        .join(exclusions, exclusions.c.mailing_id == mailings.c.id)
        .where(exclusions.c.subscriber_id.in_(sorted(subscriber_ids)))
        .order_by(mailings.c.id)
    )
    return list(connection.execute(query).all())


def _mailings(ids: Collection[int]) -> Any:
    return select(mailings.c.id, mailings.c.key, mailings.c.kind, mailings.c.planned_at).where(
        mailings.c.id.in_(sorted(ids))
    )
