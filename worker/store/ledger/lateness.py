"""Lateness in the ledger: mailings that handed over nothing by their hour and the grace after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, select

from worker.domain.delivery import BatchStatus
from worker.domain.late import Late, missed_by
from worker.domain.mailing import MailingStatus
from worker.store.engine import Connection
from worker.store.ledger.mailings import cancel_mailing, need_attention, pause_mailing
from worker.store.tables import batches, mailings

_WAITING = (MailingStatus.SCHEDULED, MailingStatus.PLANNING, MailingStatus.SENDING)


def decide_late(connection: Connection, now: datetime, grace: timedelta) -> list[int]:
    """Pause or cancel what is late, as each mailing's policy says; returns the ids. Can be repeated at any time.

    A mailing of which something was handed over is not late: it goes on. One that a person resumed is sent.
    """
    begun = exists().where(
        batches.c.mailing_id == mailings.c.id,
        batches.c.status.not_in((BatchStatus.PENDING, BatchStatus.CLAIMED)),
    )
    query = select(mailings.c.id, mailings.c.late, mailings.c.send_at).where(
        mailings.c.status.in_(_WAITING),
        mailings.c.late != Late.SEND,
        mailings.c.send_at < now - grace,
        ~begun,
    )
    decided = []
    for row in connection.execute(query.order_by(mailings.c.id)).all():
        missed = f"it missed its hour by {missed_by(row.send_at, now)}"
        if row.late == Late.EXPIRE:
            if cancel_mailing(connection, row.id, now):
                need_attention(connection, row.id, f"{missed} and has expired: nobody gets it")
                decided.append(row.id)
        elif pause_mailing(
            connection,
            row.id,
            f"{missed}: `broadsheet resume {row.id}` sends it now, `broadsheet cancel {row.id}` drops it",
        ):
            decided.append(row.id)
    return decided
