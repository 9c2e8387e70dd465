"""One person's story in one mailing: planned, every call that carried their message, every event, in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, select

from worker.store.engine import Connection
from worker.store.ledger.candidates import Candidate, find_candidate
from worker.store.ledger.proofs import carried_by
from worker.store.tables import events, mailings


class Step(NamedTuple):
    """Something that happened. `detail` holds the provider's own words."""

    at: datetime
    what: str
    detail: str
    batch_id: int | None
    submission_key: str


def read_story(connection: Connection, mailing_id: int, key: str) -> tuple[Candidate, list[Step]] | None:
    """The candidate with this address key and what happened, oldest first; None where nobody in the mailing has it.

    A call is left out of the story of somebody skipped unless an event shows that it carried their message.
    """
    candidate = find_candidate(connection, mailing_id, key)
    if candidate is None:
        return None
    planned = connection.execute(select(mailings.c.planned_at).where(mailings.c.id == mailing_id)).scalar_one()
    steps = [Step(planned, "planned", f"{candidate.plan} edition", candidate.batch_id, "")]
    if candidate.delivery_id is None or candidate.batch_id is None:
        steps = [Step(planned, candidate.state, candidate.reason, None, "")]
        return candidate, steps
    happened = connection.execute(
        select(events).where(events.c.delivery_id == candidate.delivery_id).order_by(events.c.id)
    ).all()
    reported = {row.submission_key for row in happened}
    for row in carried_by(connection, candidate.batch_id):
        if candidate.state != "skipped" or row.key in reported:
            steps += _call(row)
    steps += [
        Step(row.happened_at, row.type, " ".join(filter(None, (row.reason, row.url))), None, row.submission_key or "")
        for row in happened
    ]
    return candidate, sorted(steps, key=lambda step: step.at)  # stable: of one instant, calls stand before events


def _call(row: Row[Any]) -> Iterator[Step]:
    yield Step(row.started_at, "called", f"{row.size:,} addressees", row.batch_id, row.key)
    if row.answered_at is not None:
        code = f"{row.status_code} " if row.status_code else ""
        yield Step(row.answered_at, row.answer, f"{code}{row.detail or row.message_id or ''}", row.batch_id, row.key)
    if row.decided_at is not None:
        yield Step(row.decided_at, f"operator: {row.decision}", "", row.batch_id, row.key)
    if row.contradicted_at is not None:
        yield Step(row.contradicted_at, "operator contradicted", "", row.batch_id, row.key)
