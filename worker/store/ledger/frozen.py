"""Reading frozen editions back."""

from __future__ import annotations

import json

from sqlalchemy import select

from worker.domain.edition import Edition, MergeName, MergeTag, Place
from worker.domain.subscriber import Plan
from worker.store.engine import Connection
from worker.store.tables import editions


def read_editions(connection: Connection, mailing_id: int) -> dict[int, Edition]:
    """Every frozen edition of a mailing by its id."""
    rows = connection.execute(select(editions).where(editions.c.mailing_id == mailing_id)).all()
    return {
        row.id: Edition(
            plan=Plan(row.plan),
            subject=row.subject,
            preheader=row.preheader,
            html=row.html,
            text=row.text,
            merge_tags=tuple(
                MergeTag(tag, MergeName(name), fallback, Place(place))
                for tag, name, fallback, place in json.loads(row.merge_tags)
            ),
            revision=row.revision,
            id=row.id,
            source_hash=row.source_hash,
        )
        for row in rows
    }
