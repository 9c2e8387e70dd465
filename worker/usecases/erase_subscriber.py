"""Erase: remove a person's data everywhere, and keep by a hash that they were here, left, and have had their mail.

SendGrid is told before, while there is an address to tell: mail that waits there must not reach them, and an opt-out it
does not know must not be lost with the address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worker.domain.delivery import DeliveryState
from worker.providers.suppression_lists import SuppressionLists
from worker.store.engine import Connection, Engine, empty_log, reading_steadily, write
from worker.store.erased import has_moved_on
from worker.store.forget import forget
from worker.store.grants import hold
from worker.store.records import Record, ids_of, read_record
from worker.store.subscribers import by_address_key
from worker.usecases.find_subscriber import NobodyThere, overtaken, typed_key
from worker.usecases.tell_before_forgetting import tell_before_forgetting

#: What no command of ours can reach.
ELSEWHERE = (
    "SendGrid keeps what it was given: its activity feed and its suppression lists. Leave the address on those lists, for"
    " they are what its own side knows of the opt-out; POST /v3/recipients/erasejob asks it to delete the rest. Backups of"
    " the database, replies in your inbox, Stripe and files elsewhere are yours to look through."
)
_OWED = (DeliveryState.PENDING, DeliveryState.CLAIMED)


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done: rows changed by table (empty: it had been done before), and what is still to happen.

    `to_be_skipped` deliveries were planned and have not gone; they are skipped. `names` are the spellings that were here.
    `moved_on`: the address had been merged into another record, or given up for another; whose that is was not erased.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    to_be_skipped: int = 0
    told_sendgrid: bool = False
    names: tuple[str, ...] = ()
    moved_on: bool = False


def erase_subscriber(
    engine: Engine, address: str, now: datetime, lists: SuppressionLists | None, *, without_sendgrid: bool = False
) -> Erased:
    """Erase whoever has this address, with the records that were merged into theirs.

    Raises NobodyThere for an address nobody has, BroadsheetError where SendGrid must be told first and cannot be.
    """
    key = typed_key(address)
    with reading_steadily(engine) as connection:
        record = read_record(connection, key)
        moved_on = record.subscriber is None and has_moved_on(connection, key)
    if not _known(record):
        if record.hashed:
            return Erased(moved_on=moved_on)
        raise NobodyThere("nobody here has this address", fix="look for another spelling")
    told = tell_before_forgetting(engine, key, lists, now, while_mail_waits=True, without_sendgrid=without_sendgrid)

    def act(connection: Connection) -> Mapping[str, int]:
        found = by_address_key(connection, key)
        ids = []
        if found is not None:
            hold(connection, found.id)
            if by_address_key(connection, key) is None:
                raise overtaken()
            ids = ids_of(connection, found.id)
        return forget(connection, ids, key, now)

    owed = sum(one.candidate.state in _OWED for one in record.messages)
    names = (record.subscriber.address if record.subscriber else address.strip(), key)
    rows = write(engine, act)
    empty_log(engine)
    return Erased(rows, owed, told, names, moved_on)


def _known(record: Record) -> bool:
    return bool(record.subscriber or record.suppression or record.messages or record.other_events or record.signups)
