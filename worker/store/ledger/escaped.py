"""Escaped: mail of a generation that SendGrid had confirmed to be cancelled, and that reached somebody all the same.

It should not happen; that SendGrid throws away what arrives late under a cancelled id is not documented. Whoever was
reached is not mailed again in this mailing. Where one message escaped, others of its batch may have: only those that
events speak of are known, so the mailing is paused, and what waits is taken back, for a person to decide.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select, tuple_, update

from worker.domain.delivery import BatchStatus, Outcome, SkipReason
from worker.domain.mailing import MailingStatus
from worker.domain.staging import Generation, GenerationState
from worker.store.engine import Connection
from worker.store.ledger.mailings import get_mailing, need_attention, pause_mailing
from worker.store.ledger.moves import changed
from worker.store.tables import batches, deliveries, generations, mailings, submissions

ESCAPED = (
    "mail that SendGrid had confirmed to be cancelled reached readers; whoever is known to have it is not mailed again,"
    " others may have it as well. Look at SendGrid's activity and tell its support; `resume` mails everybody else"
)
LEFT = (Outcome.DELIVERED, Outcome.DEFERRED, Outcome.BLOCKED, Outcome.BOUNCED, Outcome.COMPLAINED)  # SendGrid's house
_CHUNK = 400
_NOT_AGAIN = (BatchStatus.PENDING, BatchStatus.UNCERTAIN, BatchStatus.CANCELLED)


def note_escaped(connection: Connection, reached: Collection[tuple[int, str]]) -> list[int]:
    """`reached`: (delivery id, submission key) of mail that left SendGrid. Returns the mailings that are told of."""
    told: set[int] = set()
    pairs = sorted(set(reached))
    for start in range(0, len(pairs), _CHUNK):
        told |= _note(connection, pairs[start : start + _CHUNK])
    return sorted(told)


def note_gone_early(connection: Connection, generation: Generation) -> int:
    """Before a recall is finished: whoever has the mail although it was to wait is not mailed again. Returns how many."""
    return changed(
        connection,
        update(deliveries)
        .where(
            deliveries.c.mailing_id == generation.mailing_id,
            deliveries.c.outcome.in_(LEFT),
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .values(skipped_reason=SkipReason.SERVED),
    )


def stop_escaping(connection: Connection, mailing_id: int) -> None:
    """Pause a mailing of which mail escaped, and say so; what it has waiting at SendGrid is taken back."""
    mailing = get_mailing(connection, mailing_id)
    if mailing is None or (mailing.needs_attention == ESCAPED and mailing.status is not MailingStatus.SENDING):
        return
    if not pause_mailing(connection, mailing_id, ESCAPED):
        need_attention(connection, mailing_id, ESCAPED)


def _note(connection: Connection, pairs: list[tuple[int, str]]) -> set[int]:
    gone = (GenerationState.CANCELLED, GenerationState.FREED)
    found = connection.execute(
        select(deliveries.c.id, deliveries.c.mailing_id, deliveries.c.batch_id)
        .select_from(submissions)
        .join(batches, batches.c.id == submissions.c.batch_id)
        .join(
            generations,
            (generations.c.mailing_id == batches.c.mailing_id) & (generations.c.generation == submissions.c.generation),
        )
        .join(deliveries, deliveries.c.mailing_id == batches.c.mailing_id)
        .where(tuple_(deliveries.c.id, submissions.c.key).in_(pairs), generations.c.state.in_(gone))
    ).all()
    for mailing_id in sorted({row.mailing_id for row in found}):
        stop_escaping(connection, mailing_id)
    if found:
        _skip(connection, sorted({row.id for row in found}), sorted({row.batch_id for row in found}))
    return {row.mailing_id for row in found}


def _skip(connection: Connection, delivery_ids: list[int], batch_ids: list[int]) -> None:
    # A claimed batch has read whom it is for; without its claim it reads again.
    changed(
        connection,
        update(batches)
        .where(batches.c.id.in_(batch_ids), batches.c.status == BatchStatus.CLAIMED)
        .values(status=BatchStatus.PENDING, claim_token=None, lease_until=None),
    )
    # What waits at SendGrid, and is being taken back, is pending afterwards.
    recalled = select(mailings.c.id).where(mailings.c.status == MailingStatus.RECALLING)
    not_again = select(batches.c.id).where(
        batches.c.id.in_(batch_ids), or_(batches.c.status.in_(_NOT_AGAIN), batches.c.mailing_id.in_(recalled))
    )
    changed(
        connection,
        update(deliveries)
        .where(
            deliveries.c.id.in_(delivery_ids),
            deliveries.c.batch_id.in_(not_again),
            deliveries.c.skipped_reason.is_(None),
            deliveries.c.refused_reason.is_(None),
        )
        .values(skipped_reason=SkipReason.SERVED),
    )
