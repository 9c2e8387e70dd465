"""The desk at which a job submits the batches of one mailing: everything they share, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.edition import Edition, MergeName
from worker.domain.mailing import Mailing, MailingKind
from worker.providers.base import Provider
from worker.render.merge import MergeWriter
from worker.store.engine import Engine, reading, writing
from worker.store.installation import fence, identity
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.mailings import get_mailing
from worker.usecases.terms import Terms

RESTORED = (
    "this database knows fewer submissions than were made: it was restored from a backup and could mail people again; "
    "compare it with SendGrid's activity, then run `broadsheet resume --after-restore`"
)


@dataclass(frozen=True)
class Desk:
    """`editions` and `writers` by edition id; `identity` is the database's."""

    engine: Engine
    provider: Provider
    terms: Terms
    mailing: Mailing
    editions: Mapping[int, Edition]
    writers: Mapping[int, MergeWriter]
    identity: str
    counts_referrals: bool


def open_desk(engine: Engine, provider: Provider, mailing_id: int, terms: Terms) -> Desk | None:
    """None where there is no such mailing, or where the database turns out to be an old copy (then it is fenced)."""
    with reading(engine) as connection:
        restored = terms.mark.is_ahead_of(connection)
        mailing = get_mailing(connection, mailing_id)
        editions = read_editions(connection, mailing_id)
        name = identity(connection)
    if restored and _fence_if_restored(engine, terms):
        return None
    if mailing is None:
        return None
    writers = {
        edition_id: MergeWriter(edition.merge_tags, terms.base_url, terms.signer, mailing.id, mailing.launch_id)
        for edition_id, edition in editions.items()
    }
    counts = any(tag.name is MergeName.REFERRAL_COUNT for edition in editions.values() for tag in edition.merge_tags)
    return Desk(engine, provider, terms, mailing, editions, writers, name, counts)


def _fence_if_restored(engine: Engine, terms: Terms) -> bool:
    """Look again, later: the first look's snapshot may be older than what another worker has committed and noted since."""
    with writing(engine) as connection:
        restored = terms.mark.is_ahead_of(connection)
        if restored:
            fence(connection, RESTORED)
    return restored


def category(mailing: Mailing) -> str:
    """SendGrid's category for statistics: the kind, for a broadcast with the issue's id."""
    return mailing.source if mailing.kind is MailingKind.BROADCAST else mailing.kind.value
