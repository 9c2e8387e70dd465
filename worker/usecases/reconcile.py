"""Reconcile: what is known of batches that wait for an operator, and the operator's verdict on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.domain.mailing import Mailing, MailingStatus
from worker.domain.verdict import VERDICTS, Verdict
from worker.errors import UsageError
from worker.store.engine import Engine, reading, writing
from worker.store.installation import fenced_reason
from worker.store.ledger.decide import decide_batch
from worker.store.ledger.doubts import Doubtful, Report, newest_report, read_doubts
from worker.store.ledger.mailings import forget_attention, get_mailing
from worker.usecases.due import Due


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What is known. `report` is what the webhook said last, of any mail."""

    mailing: Mailing
    doubtful: list[Doubtful]
    fenced: str | None
    report: Report | None

    @property
    def silent_since(self) -> datetime | None:
        """Since when calls were made and no event at all has arrived; None where one has, or no call is in doubt."""
        calls = [one.last_call.started_at for one in self.doubtful if one.last_call is not None]
        if not calls or (self.report is not None and self.report.received_at >= min(calls)):
            return None
        return min(calls)


def look(engine: Engine, mailing_id: int) -> Reconciliation:
    """Everything an operator should know before deciding. Raises UsageError where there is no such mailing."""
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
        if mailing is None:
            raise UsageError(f"there is no mailing {mailing_id}", fix="`broadsheet status` lists them")
        fenced = fenced_reason(connection)
        doubtful = read_doubts(connection, mailing_id, restored=fenced is not None)
        return Reconciliation(mailing, doubtful, fenced, newest_report(connection))


def require_possible(mailing: Mailing, chosen: Sequence[Doubtful], verdict: Verdict) -> None:
    """Raise UsageError where a verdict makes no sense for one of the chosen batches."""
    if mailing.status is MailingStatus.RECALLING:
        raise UsageError(f"{mailing.key} is being taken back", fix="wait for that, then look again")
    if mailing.status is MailingStatus.CANCELLED and verdict is Verdict.AGAIN:
        raise UsageError(f"{mailing.key} is cancelled; nothing of it is sent again", fix="decide `refused` instead")
    for one in chosen:
        if verdict not in VERDICTS[one.doubt]:
            raise UsageError(
                f"batch {one.batch_id} is {one.doubt}; it cannot be decided as {verdict}",
                fix=f"decide {' or '.join(VERDICTS[one.doubt])}, or leave it",
            )


def decide(
    engine: Engine, mailing: Mailing, chosen: Sequence[Doubtful], verdict: Verdict, now: datetime
) -> tuple[list[int], list[Due]]:
    """Carry out a verdict on these batches. Returns the ids of those it moved, and what to enqueue.

    A batch that an event or an answer has settled meanwhile is not among them.
    """
    require_possible(mailing, chosen, verdict)
    with writing(engine) as connection:
        moved = [one.batch_id for one in chosen if decide_batch(connection, one.batch_id, one.doubt, verdict, now)]
    again = bool(moved) and verdict is Verdict.AGAIN
    return moved, [Due("submit_batches", mailing.id, mailing.rules.queue)] if again else []


def acknowledge(engine: Engine, mailing_id: int) -> bool:
    """Somebody has looked at what needs attention. False for a paused mailing: `resume` does it there."""
    with writing(engine) as connection:
        return forget_attention(connection, mailing_id)
