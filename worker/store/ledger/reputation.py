"""Reputation: how many messages of a mailing came back lately for a reason that lies with its sender.

Counted by when it happened and not by when it was told, in half hours that overlap to hours: whatever order the events
come in, the same mailings need attention in the end.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, text, update

from worker.domain.event import BounceClass
from worker.domain.event_effects import EFFECTS, Consequence
from worker.store.engine import Connection
from worker.store.instants import to_millis
from worker.store.ledger.moves import changed, log_attention
from worker.store.tables import batches, mailings, submissions

BLOCKED_LEAST = 20  # in an hour; fewer say nothing
BLOCKED_SHARE = 0.02  # of what was submitted so far
_HALF_HOUR = 30 * 60 * 1_000
_CLASSES = sorted(
    detail.value
    for (_, detail), effect in EFFECTS.items()
    if effect.mailing is Consequence.COUNTED and isinstance(detail, BounceClass)
)
# The condition on the type is written as the index has it.
_BLOCKED = text(
    "SELECT d.mailing_id AS mailing_id, e.happened_at / :half AS half, count(DISTINCT d.id) AS blocked"  # noqa: S608
    " FROM events e JOIN deliveries d ON d.id = e.delivery_id"
    " WHERE e.type IN ('blocked', 'bounced') AND e.happened_at >= :first AND e.happened_at < :last"
    f" AND ((e.type = 'blocked' AND e.classification <> '{BounceClass.TECHNICAL.value}')"
    f" OR e.classification IN ({', '.join(repr(name) for name in _CLASSES)}))"
    " GROUP BY 1, 2"
)


def blocked_too_often(
    connection: Connection, mailing_ids: Collection[int], first: datetime, last: datetime
) -> list[int]:
    """Those of the mailings with too many blocked messages in some hour that holds a time from `first` to `last`.

    Mailings that need attention already are left out.
    """
    calm = set(
        connection.execute(
            select(mailings.c.id).where(mailings.c.id.in_(sorted(mailing_ids)), mailings.c.needs_attention.is_(None))
        ).scalars()
    )
    if not calm:
        return []
    start, end = to_millis(first) // _HALF_HOUR - 1, to_millis(last) // _HALF_HOUR + 2
    span = {"half": _HALF_HOUR, "first": start * _HALF_HOUR, "last": end * _HALF_HOUR}
    halves: dict[int, dict[int, int]] = {}
    for row in connection.execute(_BLOCKED, span):
        if row.mailing_id in calm:
            halves.setdefault(row.mailing_id, {})[row.half] = row.blocked
    most = {one: max(n + of.get(half + 1, 0) for half, n in of.items()) for one, of in halves.items()}
    return sorted(
        one
        for one, blocked in most.items()
        if blocked >= BLOCKED_LEAST and blocked >= BLOCKED_SHARE * _submitted(connection, one)
    )


def ask_attention(connection: Connection, mailing_id: int, reason: str) -> bool:
    """Write down why a person should look at this mailing, unless there is a reason already; True if it was written."""
    done = changed(
        connection,
        update(mailings)
        .where(mailings.c.id == mailing_id, mailings.c.needs_attention.is_(None))
        .values(needs_attention=reason),
    )
    if done:
        log_attention(mailing_id, reason)
    return done == 1


def _submitted(connection: Connection, mailing_id: int) -> int:
    query = (
        select(func.coalesce(func.sum(submissions.c.size), 0))
        .join(batches, batches.c.id == submissions.c.batch_id)
        .where(batches.c.mailing_id == mailing_id, submissions.c.answer.in_(("accepted", "unknown")))
    )
    found: int = connection.execute(query).scalar_one()
    return found
