"""Refreshing: a planned mailing shows a launch that has closed meanwhile; what is still pending gets the text without it.

A new revision with the same source hash: nothing the author wrote has changed, so nobody counts as having an older text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import select, update

from worker.domain.delivery import BatchStatus
from worker.domain.edition import Edition
from worker.domain.mailing import MailingStatus
from worker.domain.subscriber import Plan
from worker.store.engine import Connection
from worker.store.ledger.cards import SHOWS_CLOSED
from worker.store.ledger.correct import hold
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.moves import changed, log_move
from worker.store.ledger.plan import keep_edition
from worker.store.tables import batches, deliveries, mailings

_GOING = (MailingStatus.SENDING, MailingStatus.STAGED)


def due_for_refresh(connection: Connection) -> list[int]:
    """Mailings on their way of which something pending shows a launch that has closed."""
    query = (
        select(mailings.c.id)
        .join(batches, batches.c.mailing_id == mailings.c.id)
        .where(mailings.c.status.in_(_GOING), batches.c.status == BatchStatus.PENDING, SHOWS_CLOSED)
        .distinct()
        .order_by(mailings.c.id)
    )
    return list(connection.execute(query).scalars())


def refresh_pending(connection: Connection, mailing_id: int, prepared: Mapping[Plan, Edition]) -> int:
    """Give what is pending and shows a closed launch the text of its plan as `prepared`; returns how many batches.

    Repeating it changes nothing: what has the new text shows nothing closed.
    """
    if not hold(connection, mailing_id, _GOING):
        return 0
    known = read_editions(connection, mailing_id)
    moved = 0
    for edition in prepared.values():
        same_plan = {key: one for key, one in known.items() if one.plan is edition.plan}
        stale = (
            batches.c.mailing_id == mailing_id,
            batches.c.status == BatchStatus.PENDING,
            batches.c.edition_id.in_(list(same_plan)),
            SHOWS_CLOSED,
        )
        ids = list(connection.execute(select(batches.c.id).where(*stale)).scalars()) if same_plan else []
        if not ids:
            continue
        revision = max(one.revision for one in same_plan.values()) + 1
        newest = keep_edition(connection, mailing_id, replace(edition, revision=revision))
        done = changed(connection, update(batches).where(*stale).values(edition_id=newest))
        in_them = select(batches.c.id).where(batches.c.mailing_id == mailing_id, batches.c.edition_id == newest)
        follow = update(deliveries).where(deliveries.c.mailing_id == mailing_id, deliveries.c.batch_id.in_(in_them))
        changed(connection, follow.values(edition_id=newest))
        log_move("mailing", mailing_id, "closed card", "new text", edition=newest, batches=done)
        moved += done
    return moved
