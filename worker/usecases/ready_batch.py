"""Getting a batch ready: claimed, everybody's merge values written, nothing promised yet.

It is done while the batch before it is on its way, so that a worker does not wait for the network with idle hands. A
ready batch is only claimed: if its process dies, it goes back to pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.domain.delivery import ClaimedBatch, Recipient
from worker.providers.base import Addressee
from worker.providers.sendgrid_limits import over_limit
from worker.render.merge import MergeWriter
from worker.store.engine import writing
from worker.store.ledger.claim import claim_batch, has_claimable, release_claim
from worker.store.ledger.start import read_owed
from worker.usecases.break_off import break_off, may_pass_by_itself
from worker.usecases.desk import Desk


@dataclass(frozen=True)
class ReadyBatch:
    """`addressees` are the `owed`, in their order; None stands for one whose merge values are over the limit."""

    batch: ClaimedBatch
    owed: Sequence[Recipient]
    addressees: Sequence[Addressee | None]


def make_ready(desk: Desk) -> ReadyBatch | None:
    """Claim the next batch and write its merge values; None where no batch may go now.

    A batch for which that cannot be done is given back and counted, and the next one is taken.
    """
    while True:
        batch: ClaimedBatch | None = None
        try:
            with writing(desk.engine) as connection:
                batch = claim_batch(connection, desk.mailing.id, desk.terms.lease_millis)
                if batch is not None:
                    desk.learn(connection, batch.edition_id)
                    owed = read_owed(connection, batch, desk.mailing, friends=desk.friends)
                elif not has_claimable(connection, desk.mailing.id):
                    return None
            if batch is not None:
                return ReadyBatch(batch, owed, write_addressees(desk.writers[batch.edition_id], owed))
        except Exception as broken:
            if batch is None or may_pass_by_itself(broken):
                raise
            break_off(desk, batch, broken)
        # Another worker took the batch this one aimed at, or this one broke off, and more are left: aim again.


def write_addressees(writer: MergeWriter, recipients: Sequence[Recipient]) -> list[Addressee | None]:
    """Each recipient with their merge values; None for one whose values are over the limit."""
    written: list[Addressee | None] = []
    for recipient in recipients:
        values, unsubscribe_url = writer.write(recipient)
        written.append(
            None if over_limit(values) else Addressee(recipient.delivery_id, recipient.address, values, unsubscribe_url)
        )
    return written


def give_back(desk: Desk, ready: ReadyBatch) -> None:
    """Release a ready batch that will not be started after all."""
    with writing(desk.engine) as connection:
        release_claim(connection, ready.batch)
