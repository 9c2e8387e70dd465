"""What needs a person: mailings whose reason nobody has been told yet, and alerts that have nothing left to tell."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import select

from worker.domain.mailing import MailingKind, MailingStatus
from worker.store.engine import Connection
from worker.store.tables import mailings

ALERT_SOURCE = "alert:"  # then the mailing's number, a colon, and the reason


@dataclass(frozen=True, slots=True)
class Attention:
    """A mailing that needs attention, and why."""

    mailing_id: int
    reason: str

    @property
    def key(self) -> str:
        """The key of its alert: one per mailing and reason, however often either is seen."""
        return f"alert:{self.mailing_id}:{hashlib.sha256(self.reason.encode()).hexdigest()[:16]}"

    @property
    def source(self) -> str:
        """The source of its alert; the reason in it is what was true when the alert was raised."""
        return f"{ALERT_SOURCE}{self.mailing_id}:{self.reason}"


def attention_of(source: str) -> Attention:
    """What an alert's source names. Raises ValueError for another source."""
    number, _, reason = source.removeprefix(ALERT_SOURCE).partition(":")
    return Attention(int(number), reason)


def read_unalerted(connection: Connection) -> list[Attention]:
    """Mailings that need attention for a reason no alert was raised for. Alerts themselves are not among them."""
    query = select(mailings.c.id, mailings.c.needs_attention).where(
        mailings.c.needs_attention.is_not(None), mailings.c.kind != MailingKind.ALERT
    )
    found = {one.key: one for one in (Attention(row.id, row.needs_attention) for row in connection.execute(query))}
    if not found:
        return []
    raised = set(connection.execute(select(mailings.c.key).where(mailings.c.key.in_(list(found)))).scalars())
    return [one for key, one in found.items() if key not in raised]


def read_stale_alerts(connection: Connection) -> list[int]:
    """Alerts that were stopped themselves, and whose mailing needs nobody any more."""
    stopped = select(mailings.c.id, mailings.c.source).where(
        mailings.c.needs_attention.is_not(None),
        mailings.c.kind == MailingKind.ALERT,
        mailings.c.status == MailingStatus.PAUSED,
    )
    about = {row.id: attention_of(row.source).mailing_id for row in connection.execute(stopped)}
    if not about:
        return []
    open_ones = select(mailings.c.id).where(
        mailings.c.id.in_(sorted(set(about.values()))), mailings.c.needs_attention.is_not(None)
    )
    needed = set(connection.execute(open_ones).scalars())
    return [alert for alert, mailing_id in about.items() if mailing_id not in needed]
