"""Cards of launches: which an edition shows, and that nothing goes with one that has closed.

Editions are rendered for the hour they go at, so this holds back only what goes later than that: after a pause, at an
account's pace, under a warm-up. What is held back is rendered anew (refresh.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, exists, insert, or_

from worker.domain.edition import Card
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.tables import batches, launch_cards, launch_notes, mailings


def _is_over(closes_at: ColumnElement[datetime]) -> ColumnElement[bool]:
    return or_(
        closes_at <= DatabaseNow(),
        exists().where(  # it is to wait at SendGrid, and will be over by the hour
            mailings.c.id == batches.c.mailing_id, mailings.c.stage_at.is_not(None), closes_at <= mailings.c.send_at
        ),
    )


#: Beside a row of `batches`: its edition shows a launch that has closed, by what the card says or by what its file says now.
SHOWS_CLOSED: ColumnElement[bool] = exists().where(
    launch_cards.c.edition_id == batches.c.edition_id,
    or_(
        _is_over(launch_cards.c.closes_at),
        exists().where(launch_notes.c.launch_id == launch_cards.c.launch_id, _is_over(launch_notes.c.closes_at)),
    ),
)


def keep_cards(connection: Connection, edition_id: int, cards: Iterable[Card]) -> None:
    """Write down what a frozen edition shows."""
    rows = [{"edition_id": edition_id, "launch_id": one.launch_id, "closes_at": one.closes_at} for one in cards]
    if rows:
        connection.execute(insert(launch_cards), rows)
