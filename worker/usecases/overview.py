"""Overview of a mailing: its state, its counts per edition, and what needs attention, in plain values for any page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from worker import sources
from worker.domain.delivery import BatchStatus, Counts
from worker.domain.mailing import Mailing, MailingStatus
from worker.domain.subscriber import Plan
from worker.errors import UsageError
from worker.store.engine import Connection, Engine, reading
from worker.store.installation import fenced_reason
from worker.store.ledger.counts import count_batches, count_deliveries, count_exclusions, total
from worker.store.ledger.due import database_clock
from worker.store.ledger.local_hours import count_ahead
from worker.store.ledger.mailings import find_mailing, get_mailing, newest_mailings
from worker.store.ledger.set_aside import count_set_aside
from worker.store.pace import read_blocks
from worker.usecases.foresee_pace import Waiting, waiting_of
from worker.usecases.schedule_broadcast import broadcast_key


@dataclass(frozen=True, slots=True)
class Overview:
    """`whole` is all editions together; `fenced` says why nothing at all is sent, where that is so.

    `waiting`: until when the pace keeps an open mailing back, and why. `set_aside` counts batches that nobody takes.
    `hours`: at local hours, how many readers wait for which moment still to come.
    """

    mailing: Mailing
    whole: Counts
    editions: dict[Plan, Counts]
    excluded: dict[str, int]
    batches: dict[BatchStatus, int]
    fenced: str | None
    waiting: Waiting | None = None
    set_aside: int = 0
    hours: Mapping[datetime, int] = field(default_factory=dict)


def overview(engine: Engine, mailing_id: int) -> Overview:
    """One mailing as it stands now. Raises UsageError where there is none with this id."""
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
        if mailing is None:
            raise UsageError(f"there is no mailing {mailing_id}", fix="`broadsheet status` lists them")
        editions = count_deliveries(connection, mailing_id)
        return Overview(
            mailing=mailing,
            whole=total(editions, mailing.audience),
            editions=editions,
            excluded=count_exclusions(connection, mailing_id),
            batches=count_batches(connection, mailing_id),
            fenced=fenced_reason(connection),
            waiting=_waiting(connection, mailing),
            set_aside=count_set_aside(connection, mailing_id),
            hours=count_ahead(connection, mailing_id, database_clock(connection)) if mailing.local_hour else {},
        )


def _waiting(connection: Connection, mailing: Mailing) -> Waiting | None:
    if mailing.status is not MailingStatus.SENDING:
        return None
    return waiting_of(read_blocks(connection), mailing.rules.queue)


_TOO_LONG = 19  # digits of a number that no row may have


def find_by_words(engine: Engine, project: Path, words: str) -> Mailing:
    """The mailing meant by an issue's slug or id, a mailing's key, or its number. Raises UsageError or SourceError."""
    with reading(engine) as connection:
        found = find_mailing(connection, words) or find_mailing(connection, f"broadcast:{words}")
        if found is None and words.isdecimal() and len(words) < _TOO_LONG:
            found = get_mailing(connection, int(words))
        if found is None:
            found = find_mailing(connection, broadcast_key(sources.read_issue(project, words)))
    if found is None:
        raise UsageError(f"{words} has not been sent or scheduled", fix=f"run `broadsheet send {words}` first")
    return found


def latest(engine: Engine, limit: int = 20) -> list[Mailing]:
    """The newest mailings."""
    with reading(engine) as connection:
        return newest_mailings(connection, limit)
