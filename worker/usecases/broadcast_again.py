"""A second broadcast of a corrected text to exactly those who have the old one; an operator's explicit act."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from worker.domain.calendar import wall_time
from worker.domain.late import Late
from worker.domain.mailing import Mailing, MailingKind, MailingStatus
from worker.store.engine import Engine, reading, writing
from worker.store.ledger.correct import corrections_of, count_second
from worker.store.ledger.mailings import NewMailing, create_mailing

_ENDED = (MailingStatus.FINISHED, MailingStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Second:
    """A mailing's second broadcast. `made`: by this call; else it had been asked for before and is still on its way."""

    mailing_id: int
    made: bool


def preview_second(engine: Engine, mailing: Mailing, texts: Collection[str]) -> dict[str, int]:
    """Who it would be about now: {"audience": n, and per reason who is left out}. `texts`: the new text's source hashes."""
    with reading(engine) as connection:
        return count_second(connection, mailing.id, texts)


def broadcast_again(engine: Engine, mailing: Mailing, batch_size: int, now: datetime) -> Second:
    """Schedule it for now, once: while one is on its way, asking again, on any host, finds that one.

    Its audience is frozen at planning: whoever has the mailing for sure in another text, has not got the new one by an
    earlier correction, and did not leave since.
    """
    with writing(engine) as connection:
        before = corrections_of(connection, mailing.id)
        for made, status in before:
            if status not in _ENDED:
                return Second(made, made=False)
        new = NewMailing(
            key=f"{mailing.key}:correction:{len(before) + 1}",
            kind=MailingKind.BROADCAST,
            source=mailing.source,
            segment=mailing.segment,
            send_at=now,
            wall_time=wall_time(now, mailing.zone).replace(tzinfo=None).isoformat(timespec="minutes"),
            zone=mailing.zone,
            batch_size=batch_size,
            late=Late.ASK,
            corrects_id=mailing.id,
        )
        created = create_mailing(connection, new, now)
    if created is None:
        raise AssertionError(f"{new.key} exists, and corrects another mailing")
    return Second(created, made=True)
