"""Erased addresses: recognised in this database by their hash (worker/domain/erasure.py).

An engine is told once under which secret they are hashed. Where it was not, or under another one than they were erased
with, nothing can be recognised; whoever would bring somebody back for that reason is stopped.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select, text, update

from worker.domain.erasure import AddressHash
from worker.domain.suppression import SuppressionReason
from worker.errors import SettingsError
from worker.store.engine import Connection, Engine
from worker.store.tables import ERASED_KEYS, installation, subscribers, suppressions

_CHUNK = 500
_OPTION = "broadsheet_address_hash"
_MOVED_ON = ("merged", "given up")  # the evidence of a hash whose reader is here still (store/forget.py)
_ANY = select(
    select(suppressions.c.address_key).where(text(ERASED_KEYS)).exists(),
    select(installation.c.erased_under).limit(1).scalar_subquery(),
)


def hash_addresses(engine: Engine, secret: str) -> None:
    """From now on connections of this engine recognise erased addresses. `secret` is the oldest that is known."""
    engine.update_execution_options(**{_OPTION: AddressHash(secret)})


def share_hash(known: Engine, other: Engine) -> None:
    """The other engine recognises what this one does."""
    found = known.get_execution_options().get(_OPTION)
    if found is not None:
        other.update_execution_options(**{_OPTION: found})


def address_hash(connection: Connection) -> AddressHash:
    """The hash, for who is about to erase: noted at the first time, the same ever after. Raises SettingsError."""
    found = _known(connection)
    if found is None:
        raise SettingsError(["SECRET_KEY: is not set; without it an erased address could not be recognised again"])
    under = connection.execute(select(installation.c.erased_under)).scalar()
    if under is None:
        connection.execute(
            update(installation).where(installation.c.erased_under.is_(None)).values(erased_under=found.check)
        )
    elif under != found.check:
        raise _changed()
    return found


def is_made_here(connection: Connection, hashed_under: str) -> bool:
    """Whether what was hashed under the secret with this check (AddressHash.check) is recognised here."""
    known, under = _known(connection), connection.execute(select(installation.c.erased_under)).scalar()
    return known is not None and known.check == hashed_under and under in (None, hashed_under)


def person_hash(connection: Connection) -> AddressHash | None:
    """The hash by which a person is known again for referrals. None without a secret, as long as nothing was ever hashed
    under one; then everybody's record itself says who they are. Raises SettingsError where the secret is another one."""
    if _known(connection) is not None:
        return address_hash(connection)
    if connection.execute(select(installation.c.erased_under)).scalar() is not None:
        raise _changed()
    return None


def person_hash_if_known(connection: Connection) -> AddressHash | None:
    """The same, and None too where the secret is another one."""
    known = _known(connection)
    return known if known is not None and is_made_here(connection, known.check) else None


def erased_among(
    connection: Connection, address_keys: Collection[str], *, strict: bool, unless_here: bool = False
) -> dict[str, str]:
    """Those among `address_keys` that were erased: key -> its hash.

    `unless_here` leaves out whom a subscriber's record has again. Raises SettingsError, if `strict`, where somebody was
    erased and nobody can tell whom.
    """
    if not address_keys:
        return {}
    some, under = connection.execute(_ANY).one()
    if not some:
        return {}
    known = _known(connection)
    if known is None or under not in (None, known.check):
        if strict:
            raise _changed()
        return {}
    hashed = {known.of(key): key for key in address_keys}
    found: dict[str, str] = {}
    ordered = sorted(hashed)
    for start in range(0, len(ordered), _CHUNK):
        query = select(suppressions.c.address_key).where(
            suppressions.c.address_key.in_(ordered[start : start + _CHUNK])
        )
        found.update((hashed[one], one) for one in connection.execute(query).scalars())
    if found and unless_here:
        here = select(subscribers.c.address_key).where(subscribers.c.address_key.in_(sorted(found)))
        for key in connection.execute(here).scalars():
            del found[key]
    return found


def forms_of(connection: Connection, address_key: str) -> list[str]:
    """What may stand for an address in an old mailing: its key, and its hash if it was erased meanwhile."""
    known = _known(connection)
    return [address_key] if known is None else [address_key, known.of(address_key)]


def has_moved_on(connection: Connection, address_key: str) -> bool:
    """Whether a hash stands for an address because its reader has another one now, or another record."""
    return _row(connection, address_key)[1] in _MOVED_ON


def was_given_up(connection: Connection, address_key: str) -> bool:
    """The same, and they said no to nothing."""
    reason, evidence = _row(connection, address_key)
    return reason == SuppressionReason.ERASED and evidence in _MOVED_ON


def _row(connection: Connection, address_key: str) -> tuple[str, str]:
    """Reason and evidence of the hash that stands for an address; empty where none does."""
    hashed = erased_among(connection, [address_key], strict=True).get(address_key)
    query = select(suppressions.c.reason, suppressions.c.evidence).where(suppressions.c.address_key == hashed)
    row = connection.execute(query).one_or_none()
    return ("", "") if row is None else (row.reason, row.evidence)


def is_kept_out(connection: Connection, address_key: str) -> bool:
    """Whether an address was erased and its reader did not merely give it up: their own word alone makes a reader of it."""
    erased = erased_among(connection, [address_key], strict=True)
    return bool(erased) and not was_given_up(connection, address_key)


def forget_erasure(connection: Connection, address_keys: Collection[str]) -> int:
    """Somebody came back and confirmed it: the address is no longer known as erased. Returns how many."""
    erased = erased_among(connection, address_keys, strict=False)
    if not erased:
        return 0
    gone = delete(suppressions).where(suppressions.c.address_key.in_(sorted(erased.values())))
    return connection.execute(gone).rowcount


def _known(connection: Connection) -> AddressHash | None:
    found: AddressHash | None = connection.get_execution_options().get(_OPTION)
    return found


def _changed() -> SettingsError:
    return SettingsError(
        [
            "SECRET_KEY_BEFORE: addresses were erased under a secret that is not known now; without it they could not be "
            "recognised. Put it back, as the last of SECRET_KEY_BEFORE (or as SECRET_KEY)"
        ]
    )
