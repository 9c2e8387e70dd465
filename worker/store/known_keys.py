"""Known keys: which records are, or were, the same person's, by keyed hashes of the addresses they had.

For referrals, and to know a buyer by a former address (former_addresses.py): it decides who counts, never who gets mail. A record is linked to another by a spelling of its address
that the other has now, or had before it got another address, was merged or erased.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.address import referral_key_of
from worker.domain.erasure import AddressHash
from worker.store.engine import Connection
from worker.store.erased import person_hash, person_hash_if_known
from worker.store.rows import among
from worker.store.tables import known_keys, subscribers


def remember_keys(
    connection: Connection, address_keys: Collection[str], subscriber_ids: Collection[int], hashed: AddressHash
) -> None:
    """These records were known under these addresses, whatever becomes of either. Repeating it changes nothing."""
    rows = [
        {"key": name, "subscriber_id": one}
        for name in sorted({hashed.person(referral_key_of(key)) for key in address_keys})
        for one in sorted(subscriber_ids)
    ]
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(known_keys).values(rows).on_conflict_do_nothing())


def remember_own(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """These records are known under the addresses they have: other records of theirs may know them by one that ended alone.

    Nothing where no secret is known, or not the one that people are known by.
    """
    hashed = person_hash_if_known(connection)
    if hashed is None:
        return
    own = select(subscribers.c.id, subscribers.c.address_key).where(
        subscribers.c.id.in_(sorted(subscriber_ids)), subscribers.c.address_key.is_not(None)
    )
    for row in connection.execute(own).all():
        remember_keys(connection, [row.address_key], [row.id], hashed)


def person_key(connection: Connection, subscriber_id: int, referral_key: str | None) -> str:
    """What a friend is counted under, for ever. Without a secret it is the record's own number: see `person_hash`."""
    hashed = person_hash(connection)
    if hashed is None or not referral_key:
        return f"unhashed:{subscriber_id}"
    return hashed.person(referral_key)


def known_before(connection: Connection, news: Mapping[int, str]) -> list[int]:
    """Of new records, id -> address key, those whose person has, or had, another record. A few looks for a thousand.

    Where no secret is known, or not the one that people are known by, records that ended are not among them.
    """
    spellings = {one: referral_key_of(key) for one, key in news.items()}
    spelled = select(subscribers.c.referral_key).where(
        among(connection, subscribers.c.referral_key, sorted({*spellings.values()}))
    )
    known = {key for key, times in Counter(connection.execute(spelled).scalars()).items() if times > 1}
    hashed = person_hash_if_known(connection)
    if hashed is not None:
        names = {hashed.person(key): key for key in spellings.values()}
        former = select(known_keys.c.key).where(among(connection, known_keys.c.key, sorted(names)))
        known |= {names[key] for key in connection.execute(former).scalars()}
    return sorted(one for one, key in spellings.items() if key in known)


def same_person(connection: Connection, subscriber_id: int) -> frozenset[int]:
    """The ids of all records that are, or were, this one's person's, its own among them. Nearly always that one alone."""
    hashed = person_hash(connection)
    ids, seen = {subscriber_id}, set[int]()
    while ids != seen:
        seen = set(ids)
        ordered = sorted(ids)
        spelled = select(subscribers.c.referral_key).where(
            subscribers.c.id.in_(ordered), subscribers.c.referral_key.is_not(None)
        )
        spellings = set(connection.execute(spelled).scalars())
        now = select(subscribers.c.id).where(subscribers.c.referral_key.in_(sorted(spellings)))
        ids |= set(connection.execute(now).scalars())
        former = select(known_keys.c.key).where(known_keys.c.subscriber_id.in_(ordered))
        keys = set(connection.execute(former).scalars())
        keys |= {hashed.person(one) for one in spellings} if hashed else set()
        then = select(known_keys.c.subscriber_id).where(known_keys.c.key.in_(sorted(keys)))
        ids |= set(connection.execute(then).scalars())
    return frozenset(ids)
