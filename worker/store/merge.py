"""Merging two records of one person: what the record that ends has goes to the one that goes on.

Where both have something, the one that goes on keeps its own, but for consent, of which the earlier counts, and leaving,
which holds for both. The ledger's part is in ledger/merge.py, what then becomes of the emptied record in forget.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, delete, or_, select, update

from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import OPT_OUTS, OWN_WORD, Suppression, SuppressionReason
from worker.store.engine import Connection
from worker.store.erased import forms_of
from worker.store.subscribers import add_tags
from worker.store.suppressions import suppress
from worker.store.tables import (
    launch_conversions,
    launch_mutes,
    returns,
    subscriber_tags,
    subscribers,
    suppressions,
)

_FILLED = ("name", "language", "zone", "country", "stripe_id", "referrer")
#: A reason that is about the person; a bounce is about the address alone.
_FOLLOWS = OPT_OUTS | {SuppressionReason.MANUAL}


def merge_tags(connection: Connection, from_id: int, into_id: int) -> None:
    """Their tags become the other's too."""
    tags = select(subscriber_tags.c.tag).where(subscriber_tags.c.subscriber_id == from_id)
    add_tags(connection, [(into_id, tag) for tag in connection.execute(tags).scalars()])


def merge_launches(connection: Connection, from_id: int, into_id: int) -> None:
    """Whoever converted or muted under one record did under the other; of two moments the earlier is kept."""
    _earliest(connection, launch_conversions, "converted_at", from_id, into_id)
    _earliest(connection, launch_mutes, "muted_at", from_id, into_id)


def merge_consent(connection: Connection, from_id: int, into_id: int, now: datetime) -> None:
    """The earlier consent, what the other did not say of themself, and a no that either of them said."""
    ends, stays = (_row(connection, one) for one in (from_id, into_id))
    values: dict[str, Any] = {name: getattr(ends, name) for name in _FILLED if not getattr(stays, name)}
    values["joined_at"] = min(ends.joined_at, stays.joined_at)
    if ends.confirmed_at is not None and (stays.confirmed_at is None or ends.confirmed_at < stays.confirmed_at):
        values |= {"confirmed_at": ends.confirmed_at, "source": ends.source, "consent": ends.consent}
        if stays.status == SubscriberStatus.PENDING and ends.status == SubscriberStatus.CONFIRMED:
            values["status"] = SubscriberStatus.CONFIRMED
    connection.execute(update(subscribers).where(subscribers.c.id == into_id).values(values))
    carry_no(connection, ends, stays.address_key, now)


def carry_no(connection: Connection, ends: Row[Any], address_key: str, now: datetime) -> None:
    """Whoever left under one address has left under this one, unless they have come back since."""
    forms = forms_of(connection, ends.address_key)  # a no from before they were erased is a no as well
    rows = connection.execute(select(suppressions).where(suppressions.c.address_key.in_(forms))).all()
    back = ends.status == SubscriberStatus.CONFIRMED and (
        connection.execute(select(returns.c.address_key).where(returns.c.address_key == ends.address_key)).first()
    )
    noes = [row for row in rows if row.reason in _FOLLOWS and not (back and row.reason in OWN_WORD)]
    found: list[Suppression] = [
        Suppression(address_key, SuppressionReason(row.reason), row.suppressed_at, row.evidence) for row in noes
    ]
    if not found and ends.status == SubscriberStatus.UNSUBSCRIBED:
        left_at = ends.unsubscribed_at or now
        found = [Suppression(address_key, SuppressionReason.UNSUBSCRIBED, left_at, "operator")]
    suppress(connection, found)


def point_to(connection: Connection, from_id: int, into_id: int) -> None:
    """Records that had been merged into the one that ends belong to the one that goes on."""
    connection.execute(update(subscribers).where(subscribers.c.merged_into == from_id).values(merged_into=into_id))


def _earliest(connection: Connection, table: Table, moment: str, from_id: int, into_id: int) -> None:
    rows: Sequence[Row[Any]] = connection.execute(
        select(table).where(or_(table.c.subscriber_id == from_id, table.c.subscriber_id == into_id))
    ).all()
    own = {row.launch_id: row for row in rows if row.subscriber_id == into_id}
    for row in (one for one in rows if one.subscriber_id == from_id):
        here = table.c.launch_id == row.launch_id
        mine = own.get(row.launch_id)
        later = mine is not None and getattr(mine, moment) <= getattr(row, moment)
        if later:
            connection.execute(delete(table).where(here, table.c.subscriber_id == from_id))
        else:
            connection.execute(delete(table).where(here, table.c.subscriber_id == into_id))
            connection.execute(
                update(table).where(here, table.c.subscriber_id == from_id).values(subscriber_id=into_id)
            )


def _row(connection: Connection, subscriber_id: int) -> Row[Any]:
    return connection.execute(select(subscribers).where(subscribers.c.id == subscriber_id)).one()
