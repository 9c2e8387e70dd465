"""The desk at which a job submits the batches of one mailing: everything they share, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.edition import Edition
from worker.domain.mailing import Mailing, MailingKind
from worker.providers.base import Provider
from worker.render.merge import MergeWriter
from worker.store.engine import Connection, Engine, reading
from worker.store.installation import identity
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.mailings import get_mailing
from worker.store.ledger.start import FriendFigures
from worker.usecases.terms import Terms
from worker.usecases.watch_restore import look_for_restore


@dataclass(frozen=True)
class Desk:
    """`editions` and `writers` by edition id; `identity` is the database's. A correction may add to them: see `learn`."""

    engine: Engine
    provider: Provider
    terms: Terms
    mailing: Mailing
    editions: dict[int, Edition]
    writers: dict[int, MergeWriter]
    identity: str

    @property
    def friends(self) -> FriendFigures:
        """What the texts say of the friends a reader brought."""
        writers = self.writers.values()
        return FriendFigures(any(one.counts_referrals for one in writers), any(one.counts_rewards for one in writers))

    def learn(self, connection: Connection, edition_id: int) -> None:
        """Read the editions again where a batch names one that came after this desk was opened."""
        if edition_id not in self.editions:
            self.editions.update(read_editions(connection, self.mailing.id))
            self.writers.update(_writers(self.editions, self.mailing, self.terms))


def open_desk(engine: Engine, provider: Provider, mailing_id: int, terms: Terms) -> Desk | None:
    """None where there is no such mailing, or where the database turns out to be an old copy (then it is fenced)."""
    if look_for_restore(engine, terms.mark):
        return None
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
        editions = read_editions(connection, mailing_id)
        name = identity(connection)
    if mailing is None:
        return None
    return Desk(engine, provider, terms, mailing, editions, _writers(editions, mailing, terms), name)


def _writers(editions: Mapping[int, Edition], mailing: Mailing, terms: Terms) -> dict[int, MergeWriter]:
    return {
        edition_id: MergeWriter(
            edition.merge_tags,
            terms.base_url,
            terms.signer,
            mailing.id,
            mailing.launch_id,
            terms.publication.referral.milestones,
        )
        for edition_id, edition in editions.items()
    }


def category(mailing: Mailing) -> str:
    """SendGrid's category for statistics: the kind, for a broadcast with the issue's id, for a step with its own."""
    if mailing.step_id is not None:
        return f"{mailing.kind.value}:{mailing.step_id}"
    return mailing.source if mailing.kind is MailingKind.BROADCAST else mailing.kind.value
