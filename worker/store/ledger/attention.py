"""What needs a person: mailings, runs of sequences and files whose reason nobody has been told yet, and alerts that have
nothing left to tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from worker.domain.mailing import MailingKind, MailingStatus
from worker.store.engine import Connection
from worker.store.tables import mailings, sequence_runs

ALERT_SOURCE = (
    "alert:"  # then the mailing's number (of a run: `run-` and its own; of a file: `file`), a colon, and the reason
)
_RUN = "run-"
_FILE = "file"


@dataclass(frozen=True, slots=True)
class Attention:
    """A mailing or, where `is_run`, a run of a sequence that needs attention, and why; a file has no number, and its reason
    names it."""

    number: int | None
    reason: str
    is_run: bool = False

    @property
    def key(self) -> str:
        """The key of its alert: one for each and its reason, however often either is seen."""
        return f"alert:{self._name}:{hashlib.sha256(self.reason.encode()).hexdigest()[:16]}"

    @property
    def source(self) -> str:
        """The source of its alert; the reason in it is what was true when the alert was raised."""
        return f"{ALERT_SOURCE}{self._name}:{self.reason}"

    @property
    def _name(self) -> str:
        return _FILE if self.number is None else f"{_RUN if self.is_run else ''}{self.number}"


def attention_of(source: str) -> Attention:
    """What an alert's source names. Raises ValueError for another source."""
    name, _, reason = source.removeprefix(ALERT_SOURCE).partition(":")
    if name == _FILE:
        return Attention(None, reason)
    return Attention(int(name.removeprefix(_RUN)), reason, name.startswith(_RUN))


def read_unalerted(connection: Connection, files: Sequence[str] = ()) -> list[Attention]:
    """What needs attention for a reason no alert was raised for. Alerts themselves are not among it.

    `files`: what is wrong with files that nothing else may tell of yet.
    """
    query = select(mailings.c.id, mailings.c.needs_attention).where(
        mailings.c.needs_attention.is_not(None), mailings.c.kind != MailingKind.ALERT
    )
    runs = select(sequence_runs.c.id, sequence_runs.c.needs_attention).where(
        sequence_runs.c.ended_at.is_(None), sequence_runs.c.needs_attention.is_not(None)
    )
    needed = [Attention(*row) for row in connection.execute(query)]
    needed += [Attention(*row, is_run=True) for row in connection.execute(runs)]
    needed += [Attention(None, what) for what in files if not any(what in one.reason for one in needed)]
    found = {one.key: one for one in needed}
    if not found:
        return []
    raised = set(connection.execute(select(mailings.c.key).where(mailings.c.key.in_(list(found)))).scalars())
    return [one for key, one in found.items() if key not in raised]


def read_stale_alerts(connection: Connection) -> list[int]:
    """Alerts that were stopped themselves, and about what needs nobody any more."""
    stopped = select(mailings.c.id, mailings.c.source).where(
        mailings.c.needs_attention.is_not(None),
        mailings.c.kind == MailingKind.ALERT,
        mailings.c.status == MailingStatus.PAUSED,
    )
    about = {row.id: attention_of(row.source) for row in connection.execute(stopped)}
    if not about:
        return []
    numbers = sorted({one.number for one in about.values() if one.number is not None})
    needed = {
        (table is sequence_runs, number)
        for table in (mailings, sequence_runs)
        for number in connection.execute(
            select(table.c.id).where(table.c.id.in_(numbers), table.c.needs_attention.is_not(None))
        ).scalars()
    }
    return [alert for alert, one in about.items() if (one.is_run, one.number) not in needed]
