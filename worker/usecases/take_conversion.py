"""Take a conversion: a shop or a form says, signed, that somebody applied or bought. Repeating it changes nothing.

One transaction remembers the call and records the conversion, so a call that failed may be sent once more as it is.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from worker.domain.address import address_key
from worker.domain.signed_call import TOLERANCE
from worker.store.engine import Connection, Engine, write
from worker.store.former_addresses import readers_before
from worker.store.launches import Conversion, convert, take_call
from worker.store.subscribers import by_address_key


class Taken(StrEnum):
    """What became of it. The caller is told of REPLAYED alone: who reads this letter is nobody's business but the author's."""

    CONVERTED = "converted"
    ALREADY = "already"
    UNKNOWN = "unknown"  # no subscriber has this address, or had it
    REPLAYED = "replayed"  # this very call was taken before


def take_conversion(
    engine: Engine, launch_id: str, address: str, how: Conversion, signature: str, now: datetime
) -> Taken:
    """Record it. Raises ValueError where `address` is none."""
    if not address.strip().isprintable():  # no database holds half a character, or none at all
        raise ValueError("the address holds what no address does")
    key = address_key(address)

    def take(connection: Connection) -> Taken:
        if not take_call(connection, signature, now, 3 * TOLERANCE):
            return Taken.REPLAYED
        subscriber = by_address_key(connection, key)
        reader_id = subscriber.id if subscriber else readers_before(connection, [key]).get(key)
        if reader_id is None:
            return Taken.UNKNOWN
        return Taken.CONVERTED if convert(connection, launch_id, reader_id, how, now) else Taken.ALREADY

    return write(engine, take)
