"""Find a subscriber by an address that a person typed, or say in one sentence why there is none."""

from __future__ import annotations

from worker.domain.address import address_key
from worker.domain.subscriber import Subscriber
from worker.errors import BroadsheetError, UsageError
from worker.store.engine import Connection
from worker.store.erased import erased_among
from worker.store.grants import hold
from worker.store.subscribers import by_address_key


class NobodyThere(BroadsheetError):
    """No subscriber has the address that was asked for."""


def typed_key(address: str) -> str:
    """The key of an address from a command line. Raises UsageError for what cannot be one."""
    try:
        return address_key(address)
    except ValueError as wrong:
        raise UsageError(f"that is no mail address: {wrong}", fix="write it as name@example.com") from None


def find_subscriber(connection: Connection, address: str) -> Subscriber:
    """The subscriber with this address. Raises NobodyThere."""
    key = typed_key(address)
    found = by_address_key(connection, key)
    if found is None and erased_among(connection, [key], strict=False):
        raise NobodyThere(
            "this address was erased, merged into another record, or given up for another address: no subscriber has it",
            fix="`broadsheet subscribers show ADDRESS` shows what it is known by",
        )
    if found is None:
        raise NobodyThere("no subscriber has this address", fix="look for another spelling, or add them")
    return found


def hold_subscriber(connection: Connection, address: str) -> Subscriber:
    """The same, held until the transaction ends, as they are then. Raises NobodyThere, and `overtaken`."""
    [found] = hold_subscribers(connection, address)
    return found


def hold_subscribers(connection: Connection, *addresses: str) -> list[Subscriber]:
    """The same for several, in the order of their addresses here."""
    before = [find_subscriber(connection, one).id for one in addresses]
    for subscriber_id in sorted(before):  # one order everywhere
        hold(connection, subscriber_id)
    held = [find_subscriber(connection, one) for one in addresses]
    if [one.id for one in held] != before:
        raise overtaken()
    return held


def overtaken() -> BroadsheetError:
    """Somebody else merged, moved or erased a record between the look at it and the hold on it."""
    return BroadsheetError("an address got another record at this moment", fix="look at it, then try again")
