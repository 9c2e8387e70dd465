"""Suppressions: the table of addresses we must not mail, and the subscriber's status where the reader said no.

Suppressing is idempotent and independent of order: the stronger reason wins, and of two with one reason the
earlier. It never looks at a mailing: `start` in the ledger re-reads this table just before each call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import OPT_OUTS, REASON_STRENGTH, Suppression, SuppressionReason
from worker.store.engine import Connection
from worker.store.tables import subscribers, suppressions

CHUNK = 500  # addresses in one statement; SQLite takes 32,766 bound values, four are needed for each

_STRENGTH = {reason: place for place, reason in enumerate(REASON_STRENGTH)}


def suppress(connection: Connection, found: Iterable[Suppression], *, opt_out: bool = True) -> int:
    """Suppress addresses; returns how many rows were written or changed.

    For a complaint or an opt-out the subscriber with that address becomes `unsubscribed`, since the earliest such
    moment, unless `opt_out` is False: who has come back keeps the status they chose. An address that is nobody's is
    suppressed all the same.
    """
    given = list(found)
    kept = sorted(_strongest(given), key=lambda one: one.address_key)  # one order everywhere: no deadlock
    changed = 0
    for start in range(0, len(kept), CHUNK):
        changed += _upsert(connection, kept[start : start + CHUNK])
    if opt_out:
        _opt_out(connection, given)
    return changed


def lift(
    connection: Connection,
    address_keys: Collection[str],
    only: Collection[SuppressionReason] = tuple(SuppressionReason),
) -> int:
    """Remove suppressions with one of the reasons `only`; returns how many. The subscriber's status is not touched."""
    keys, lifted = sorted(address_keys), 0
    for start in range(0, len(keys), CHUNK):
        where = and_(suppressions.c.address_key.in_(keys[start : start + CHUNK]), suppressions.c.reason.in_(list(only)))
        lifted += connection.execute(delete(suppressions).where(where)).rowcount
    return lifted


def reason_for(connection: Connection, address_key: str) -> SuppressionReason | None:
    """Why an address is suppressed; None if it is not."""
    return reasons_for(connection, [address_key]).get(address_key)


def reasons_for(connection: Connection, address_keys: Collection[str]) -> dict[str, SuppressionReason]:
    """The reasons of those among `address_keys` that are suppressed."""
    keys = sorted(address_keys)
    found: dict[str, SuppressionReason] = {}
    for start in range(0, len(keys), CHUNK):
        query = select(suppressions.c.address_key, suppressions.c.reason).where(
            suppressions.c.address_key.in_(keys[start : start + CHUNK])
        )
        found.update((row.address_key, SuppressionReason(row.reason)) for row in connection.execute(query))
    return found


def _strongest(found: Iterable[Suppression]) -> list[Suppression]:
    kept: dict[str, Suppression] = {}
    for one in found:
        other = kept.get(one.address_key)
        if other is None or _rank(one) < _rank(other):
            kept[one.address_key] = one
    return list(kept.values())


def _rank(one: Suppression) -> tuple[int, int, str]:
    """Sorts the suppression that is kept first; the evidence only decides between two of the same millisecond."""
    return -_STRENGTH[one.reason], int(one.at.timestamp() * 1000), one.evidence


def _upsert(connection: Connection, chunk: Sequence[Suppression]) -> int:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(suppressions).values(
        [
            {"address_key": one.address_key, "reason": one.reason, "suppressed_at": one.at, "evidence": one.evidence}
            for one in chunk
        ]
    )
    new, old = statement.excluded, suppressions.c
    same = new.reason == old.reason
    better = or_(
        _strength(new.reason) > _strength(old.reason),
        and_(same, new.suppressed_at < old.suppressed_at),
        and_(same, new.suppressed_at == old.suppressed_at, new.evidence < old.evidence),
    )
    written = statement.on_conflict_do_update(
        index_elements=[suppressions.c.address_key],
        set_={"reason": new.reason, "suppressed_at": new.suppressed_at, "evidence": new.evidence},
        where=better,
    ).returning(suppressions.c.address_key)  # counted so: psycopg's row count of an upsert is not kept
    return len(connection.execute(written).all())


def _opt_out(connection: Connection, given: Iterable[Suppression]) -> None:
    earliest: dict[str, datetime] = {}
    for one in given:
        if one.reason in OPT_OUTS:
            earliest[one.address_key] = min(one.at, earliest.get(one.address_key, one.at))
    if not earliest:
        return
    left, since = subscribers.c.status == SubscriberStatus.UNSUBSCRIBED, subscribers.c.unsubscribed_at
    moment = bindparam("moment", type_=since.type)
    statement = (
        update(subscribers)
        .where(
            subscribers.c.address_key == bindparam("key"),
            subscribers.c.status != SubscriberStatus.ERASED,
            or_(~left, since.is_(None), since > moment),
        )
        .values(
            status=SubscriberStatus.UNSUBSCRIBED,
            unsubscribed_at=case((and_(left, since < moment), since), else_=moment),
        )
    )
    connection.execute(statement, [{"key": key, "moment": moment} for key, moment in sorted(earliest.items())])


def _strength(reason: ColumnElement[str]) -> ColumnElement[int]:
    # Reasons we do not know (written by a later version) are the strongest: nothing replaces them.
    return case(*((reason == name, place) for name, place in _STRENGTH.items()), else_=len(_STRENGTH))
