"""Outages: a mailing of which nothing is taken goes on trying, and after half an hour of silence says so.

A rate limit may hold for an hour by right; where hours bring nothing but that, it says so too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, null, select, update

from worker.domain.mailing import MailingStatus
from worker.store.engine import Connection
from worker.store.ledger.mailings import need_attention
from worker.store.ledger.moves import changed
from worker.store.tables import batches, mailings, submissions

OUTAGE = timedelta(minutes=30)  # so long nobody was reached, and a person should look
RATE_LIMITED = timedelta(hours=3)  # so long nothing but rate limits
_BEGINS = "SendGrid has taken nothing since "  # how the reason begins, by which it is known again
_NOTHING_TAKEN = ("unavailable", "rate_limited")


def note_outage(connection: Connection, mailing_id: int, reason: str, now: datetime, after: timedelta) -> bool:
    """After one more call in vain, settled: where it has been so for as long as `after`, write why down. True if so.

    The mailing goes on trying. What else needs attention is not written over.
    """
    of_mailing = select(submissions.c.id).join(batches, batches.c.id == submissions.c.batch_id)
    of_mailing = of_mailing.where(batches.c.mailing_id == mailing_id)
    answered = of_mailing.where(submissions.c.answer.is_not(None), submissions.c.answer.not_in(_NOTHING_TAKEN))
    last = connection.execute(answered.order_by(submissions.c.id.desc()).limit(1)).scalar_one_or_none() or 0
    run = of_mailing.where(submissions.c.id > last, submissions.c.answer.in_(_NOTHING_TAKEN))
    since: datetime | None = connection.execute(
        run.with_only_columns(func.min(submissions.c.answered_at))
    ).scalar_one_or_none()
    if since is None or now - since < after:
        return False
    written = select(mailings.c.needs_attention).where(mailings.c.id == mailing_id)
    if connection.execute(written).scalar_one_or_none() is None:
        need_attention(connection, mailing_id, f"{_BEGINS}{since:%Y-%m-%d %H:%M} UTC: {reason}")
    return True


def forget_outages(connection: Connection) -> int:
    """Where something was answered again, an outage needs nobody's attention any more; returns of how many mailings."""
    noted = select(mailings.c.id).where(
        mailings.c.needs_attention.startswith(_BEGINS, autoescape=True), mailings.c.status != MailingStatus.PAUSED
    )
    over = [one for one in connection.execute(noted).scalars().all() if _answered(connection, one)]
    for mailing_id in over:
        changed(
            connection,
            update(mailings)
            .where(mailings.c.id == mailing_id, mailings.c.needs_attention.startswith(_BEGINS, autoescape=True))
            .values(needs_attention=null()),
        )
    return len(over)


def _answered(connection: Connection, mailing_id: int) -> bool:
    """Whether the newest answer of a mailing was one."""
    newest = (
        select(submissions.c.answer)
        .join(batches, batches.c.id == submissions.c.batch_id)
        .where(batches.c.mailing_id == mailing_id, submissions.c.answer.is_not(None))
        .order_by(submissions.c.id.desc())
        .limit(1)
    )
    return connection.execute(newest).scalar_one_or_none() not in _NOTHING_TAKEN
