"""A second broadcast of a corrected text to exactly those who have the old one; an operator's explicit act."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from worker.domain.calendar import wall_time
from worker.domain.late import Late
from worker.domain.mailing import Mailing, MailingKind, MailingStatus
from worker.errors import UsageError
from worker.store.engine import Engine, reading, writing
from worker.store.ledger.correct import Reach, corrections_of, count_second
from worker.store.ledger.mailings import NewMailing, create_mailing

_ENDED = (MailingStatus.FINISHED, MailingStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Second:
    """A mailing's second broadcast. `made`: by this call; else it had been asked for before and is still on its way."""

    mailing_id: int
    made: bool


def refuse_second(mailing: Mailing, now: datetime) -> None:
    """Raise UsageError where a mailing is none that a second broadcast could correct."""
    if mailing.kind is not MailingKind.BROADCAST:
        raise UsageError("only a broadcast can be sent again as a correction")
    if mailing.corrects_id is not None:
        raise UsageError(
            f"{mailing.key} is a correction itself", fix=f"`broadsheet correct {mailing.corrects_id} --again`"
        )
    taking_back = mailing.status is MailingStatus.RECALLING
    if taking_back or (mailing.stage_at is not None and mailing.send_at > now):
        raise UsageError(
            f"{mailing.key} has not gone out: its mail waits for its hour",
            fix=f"`broadsheet pause {mailing.id}`, then correct and resume; or say it again after the hour",
        )


def refuse_while_moving(mailing: Mailing, reach: Reach) -> None:
    """Raise UsageError while some of a mailing's readers can still be given the new text in the old one's place."""
    if reach.pending and mailing.status is not MailingStatus.CANCELLED:
        raise UsageError(
            f"{reach.pending:,} readers still wait for {mailing.key} with the old text",
            fix=f"`broadsheet correct {mailing.id}` first: they get the new one in its place",
        )
    if reach.in_hand:
        raise UsageError(f"{reach.in_hand:,} readers are in a worker's hands", fix="say it again in a moment")


def preview_second(engine: Engine, mailing: Mailing, texts: Collection[str]) -> dict[str, int]:
    """Who it would be about now: {"audience": n, and per reason who is left out}. `texts`: the new text's source hashes."""
    with reading(engine) as connection:
        return count_second(connection, mailing.id, texts)


def broadcast_again(engine: Engine, mailing: Mailing, batch_size: int, now: datetime) -> Second:
    """Schedule it for now, once: while one is on its way, asking again, on any host, finds that one.

    Its audience is frozen at planning: whoever has the mailing for sure in another text, has not got the new one by an
    earlier correction, and did not leave since. Raises UsageError as `refuse_second` does.
    """
    refuse_second(mailing, now)
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
