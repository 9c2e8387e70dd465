"""Holders: who has a mailing in a text that was corrected since, as a condition for planning a second broadcast."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, exists

from worker.domain.delivery import BatchStatus
from worker.store.tables import batches, deliveries, editions, subscribers


def has_another_text(mailing_id: int, source_hashes: Collection[str]) -> ColumnElement[bool]:
    """Beside a row of `subscribers`: got that mailing for sure, in another text than these.

    Whoever was skipped, refused or is uncertain is not among them: of them nobody knows that they have it.
    """
    return exists().where(
        deliveries.c.mailing_id == mailing_id,
        deliveries.c.subscriber_id == subscribers.c.id,
        deliveries.c.skipped_reason.is_(None),
        deliveries.c.refused_reason.is_(None),
        batches.c.id == deliveries.c.batch_id,
        batches.c.status == BatchStatus.SUBMITTED,
        editions.c.id == deliveries.c.edition_id,
        editions.c.source_hash.not_in(sorted(set(source_hashes))),
    )
