"""Escaped: mail of a generation that SendGrid had confirmed to be cancelled, and that reached somebody all the same.

It should not happen; that SendGrid throws away what arrives late under a cancelled id is not documented. Whoever was
reached is not mailed again in this mailing, and a person is told.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, tuple_, update

from worker.domain.delivery import BatchStatus, SkipReason
from worker.domain.staging import GenerationState
from worker.store.engine import Connection
from worker.store.ledger.mailings import get_mailing, need_attention
from worker.store.ledger.moves import changed
from worker.store.tables import batches, deliveries, generations, submissions

ESCAPED = (
    "mail that SendGrid had confirmed to be cancelled reached readers; whoever is known to have it is not mailed again,"
    " but some may get it twice. Tell SendGrid's support"
)
_CHUNK = 400


def note_escaped(connection: Connection, reached: Collection[tuple[int, str]]) -> list[int]:
    """`reached`: (delivery id, submission key) of mail that left SendGrid. Returns the mailings that are told of."""
    told: set[int] = set()
    pairs = sorted(set(reached))
    for start in range(0, len(pairs), _CHUNK):
        told |= _note(connection, pairs[start : start + _CHUNK])
    for mailing_id in sorted(told):
        mailing = get_mailing(connection, mailing_id)
        if mailing is not None and mailing.needs_attention != ESCAPED:
            need_attention(connection, mailing_id, ESCAPED)
    return sorted(told)


def _note(connection: Connection, pairs: list[tuple[int, str]]) -> set[int]:
    gone = (GenerationState.CANCELLED, GenerationState.FREED)
    found = connection.execute(
        select(deliveries.c.id, deliveries.c.mailing_id, deliveries.c.batch_id)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .join(submissions, submissions.c.batch_id == batches.c.id)
        .join(
            generations,
            (generations.c.mailing_id == deliveries.c.mailing_id)
            & (generations.c.generation == submissions.c.generation),
        )
        .where(tuple_(deliveries.c.id, submissions.c.key).in_(pairs), generations.c.state.in_(gone))
    ).all()
    if not found:
        return set()
    of = sorted({row.batch_id for row in found})
    # A claimed batch has read whom it is for; without its claim it reads again.
    changed(
        connection,
        update(batches)
        .where(batches.c.id.in_(of), batches.c.status == BatchStatus.CLAIMED)
        .values(status=BatchStatus.PENDING, claim_token=None, lease_until=None),
    )
    waiting = select(batches.c.id).where(batches.c.id.in_(of), batches.c.status == BatchStatus.PENDING)
    changed(
        connection,
        update(deliveries)
        .where(
            deliveries.c.id.in_(sorted({row.id for row in found})),
            deliveries.c.batch_id.in_(waiting),
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .values(skipped_reason=SkipReason.SERVED),
    )
    return {row.mailing_id for row in found}
