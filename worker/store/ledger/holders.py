"""Holders: who has a mailing in a text that was corrected since, as a condition for planning a second broadcast."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, exists

from worker.domain.delivery import BatchStatus
from worker.store.tables import batches, deliveries, editions, mailings, subscribers

#: A delivery whose batch stands here has gone out, will, or perhaps did.
_COMES = (
    BatchStatus.PENDING,
    BatchStatus.CLAIMED,
    BatchStatus.SUBMITTING,
    BatchStatus.SUBMITTED,
    BatchStatus.UNCERTAIN,
)
_OWED = and_(
    deliveries.c.subscriber_id == subscribers.c.id,
    deliveries.c.skipped_reason.is_(None),
    deliveries.c.refused_reason.is_(None),
    batches.c.id == deliveries.c.batch_id,
    editions.c.id == deliveries.c.edition_id,
)


def has_another_text(mailing_id: int, source_hashes: Collection[str]) -> ColumnElement[bool]:
    """Beside a row of `subscribers`: got that mailing for sure, in another text than these, and has none of these yet.

    Whoever was skipped, refused or is uncertain is not among them: of them nobody knows that they have it. Nor is whoever
    an earlier correction of it brought one of these texts, or may have, or is about to.
    """
    texts = sorted(set(source_hashes))
    got_it = exists().where(
        deliveries.c.mailing_id == mailing_id,
        _OWED,
        batches.c.status == BatchStatus.SUBMITTED,
        editions.c.source_hash.not_in(texts),
    )
    corrected = exists().where(
        mailings.c.corrects_id == mailing_id,
        deliveries.c.mailing_id == mailings.c.id,
        _OWED,
        batches.c.status.in_(_COMES),
        editions.c.source_hash.in_(texts),
    )
    return and_(got_it, ~corrected)
