"""Former addresses: whose an address was that is nobody's now, because its record was merged, or got another one.

Found by the keyed hashes of known_keys.py. For what stops mail alone: nobody is mailed because of what is found here.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from worker.domain.address import referral_key_of
from worker.domain.subscriber import SubscriberStatus
from worker.errors import SettingsError
from worker.store.consent import surviving
from worker.store.engine import Connection
from worker.store.erased import person_hash
from worker.store.rows import among
from worker.store.tables import known_keys


def readers_before(connection: Connection, address_keys: Collection[str]) -> dict[str, int]:
    """Those among `address_keys` that readers who are here still had before: key -> the reader's id, of several the one whose
    record with it is the newest.

    Nothing where addresses are hashed under another secret than they were: then nobody can be recognised.
    """
    try:
        hashed = person_hash(connection)
    except SettingsError:
        return {}
    if hashed is None or not address_keys:
        return {}
    names = {key: hashed.person(referral_key_of(key)) for key in address_keys}
    query = select(known_keys).where(among(connection, known_keys.c.key, sorted(set(names.values()))))
    known: dict[str, int] = {}
    for row in connection.execute(query.order_by(known_keys.c.subscriber_id)):
        reader = surviving(connection, row.subscriber_id)
        if reader is not None and reader.status is not SubscriberStatus.ERASED:
            known[row.key] = reader.id
    return {key: known[name] for key, name in names.items() if name in known}
