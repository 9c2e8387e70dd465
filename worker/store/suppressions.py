"""Suppressions: the table of addresses we must not mail, and the subscriber's status where the reader said no.

Suppressing is idempotent and independent of order: the stronger reason wins, and of two with one reason the
earlier. It never looks at a mailing: `start` in the ledger re-reads this table just before each call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import TextClause, and_, bindparam, case, delete, or_, select, update

from worker.domain.erasure import is_hash
from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import OPT_OUTS, REASON_STRENGTH, Suppression, SuppressionReason
from worker.store.engine import Connection
from worker.store.erased import erased_among, forget_erasure
from worker.store.instants import to_millis
from worker.store.rows import among, encode_rows, rows_source, statement
from worker.store.tables import subscribers, suppressions

CHUNK = 1_000  # addresses in one statement

_ASKED = 5_000  # addresses in one look-up

_STRENGTH = {reason: place for place, reason in enumerate(REASON_STRENGTH)}


def suppress(connection: Connection, found: Iterable[Suppression], *, opt_out: bool = True) -> int:
    """Suppress addresses; returns how many rows were written or changed. Of an erased address its hash is.

    For a complaint or an opt-out the subscriber with that address becomes `unsubscribed`, since the earliest such
    moment, unless `opt_out` is False: who has come back keeps the status they chose. An address that is nobody's is
    suppressed all the same.
    """
    given = _as_hashes(connection, list(found))
    kept = sorted(_strongest(given), key=lambda one: one.address_key)  # one order everywhere: no deadlock
    changed = 0
    for start in range(0, len(kept), CHUNK):
        changed += _upsert(connection, kept[start : start + CHUNK])
    _never_push(connection, [one.address_key for one in kept if is_hash(one.address_key)])
    if opt_out:
        _opt_out(connection, given)
    return changed


def _never_push(connection: Connection, hashes: Sequence[str]) -> None:
    """The provider's list has, or had its time to get, the address itself: a hash is nothing it could be told."""
    for start in range(0, len(hashes), CHUNK):
        where = and_(suppressions.c.address_key.in_(hashes[start : start + CHUNK]), suppressions.c.pushed_at.is_(None))
        connection.execute(update(suppressions).where(where).values(pushed_at=suppressions.c.suppressed_at))


def lift(
    connection: Connection,
    address_keys: Collection[str],
    only: Collection[SuppressionReason] = tuple(SuppressionReason),
) -> int:
    """Remove suppressions with one of the reasons `only`; returns how many. The subscriber's status is not touched.

    What was known of an erased address is forgotten whatever its reason: only somebody's own word lifts anything.
    """
    keys, lifted = sorted(address_keys), 0
    for start in range(0, len(keys), CHUNK):
        where = and_(suppressions.c.address_key.in_(keys[start : start + CHUNK]), suppressions.c.reason.in_(list(only)))
        lifted += connection.execute(delete(suppressions).where(where)).rowcount
    return lifted + forget_erasure(connection, address_keys)


def reason_for(connection: Connection, address_key: str) -> SuppressionReason | None:
    """Why an address is suppressed; None if it is not."""
    return reasons_for(connection, [address_key]).get(address_key)


def reasons_for(connection: Connection, address_keys: Collection[str]) -> dict[str, SuppressionReason]:
    """The reasons of those among `address_keys` that are suppressed; ERASED for each that was erased.

    Raises SettingsError where somebody was erased, and nobody can tell whom.
    """
    keys = sorted(address_keys)
    found: dict[str, SuppressionReason] = {}
    for start in range(0, len(keys), _ASKED):
        query = select(suppressions.c.address_key, suppressions.c.reason).where(
            among(connection, suppressions.c.address_key, keys[start : start + _ASKED])
        )
        found.update((row.address_key, SuppressionReason(row.reason)) for row in connection.execute(query))
    erased = erased_among(connection, keys, strict=True)
    return dict.fromkeys(erased, SuppressionReason.ERASED) | found


def _as_hashes(connection: Connection, given: list[Suppression]) -> list[Suppression]:
    erased = erased_among(connection, {one.address_key for one in given}, strict=False, unless_here=True)
    if not erased:
        return given
    return [replace(one, address_key=erased.get(one.address_key, one.address_key)) for one in given]


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
    rows = [
        {
            "address_key": one.address_key,
            "reason": one.reason.value,
            "suppressed_at": to_millis(one.at),
            "evidence": one.evidence,
        }
        for one in chunk
    ]
    return len(connection.execute(_upsert_statement(connection), {"rows": encode_rows(rows)}).all())


def _upsert_statement(connection: Connection) -> TextClause:
    columns = {"address_key": "text", "reason": "text", "suppressed_at": "bigint", "evidence": "text"}
    names = ", ".join(columns)
    return statement(
        f"INSERT INTO suppressions ({names}) SELECT {names} FROM {rows_source(connection, columns)} WHERE true"  # noqa: S608
        " ORDER BY address_key ON CONFLICT (address_key) DO UPDATE SET"
        " reason = excluded.reason, suppressed_at = excluded.suppressed_at, evidence = excluded.evidence"
        f" WHERE {_strength('excluded.reason')} > {_strength('suppressions.reason')}"
        # Who has come back is held by their old no alone until it is lifted: what is learned since must outlive it.
        " OR suppressions.reason = 'unsubscribed' AND excluded.reason IN ('bounced', 'invalid', 'manual') AND EXISTS"
        " (SELECT 1 FROM returns WHERE returns.address_key = excluded.address_key"
        " AND returns.asked_at <= excluded.suppressed_at)"
        " OR excluded.reason = suppressions.reason AND (excluded.suppressed_at < suppressions.suppressed_at"
        " OR excluded.suppressed_at = suppressions.suppressed_at AND excluded.evidence < suppressions.evidence)"
        " RETURNING address_key"
    )


def _opt_out(connection: Connection, given: Iterable[Suppression]) -> None:
    earliest: dict[str, datetime] = {}
    for one in given:
        if one.reason in OPT_OUTS:
            earliest[one.address_key] = min(one.at, earliest.get(one.address_key, one.at))
    # Most suppressed addresses are nobody's: those are asked for at once, and only the others are written one by one,
    # in one order everywhere, so that no two wait for each other.
    ours = _subscribed(connection, earliest)
    if not ours:
        return
    left, since = subscribers.c.status == SubscriberStatus.UNSUBSCRIBED, subscribers.c.unsubscribed_at
    yes = subscribers.c.confirmed_at  # a no from before it has been taken back, and is not when they left
    moment = bindparam("moment", type_=since.type)
    leave = (
        update(subscribers)
        .where(
            subscribers.c.address_key == bindparam("key"),
            subscribers.c.status != SubscriberStatus.ERASED,
            or_(~left, since.is_(None), and_(since > moment, or_(yes.is_(None), yes <= moment))),
        )
        .values(
            status=SubscriberStatus.UNSUBSCRIBED,
            unsubscribed_at=case((and_(left, since < moment), since), else_=moment),
        )
    )
    connection.execute(
        leave, [{"key": key, "moment": moment} for key, moment in sorted(earliest.items()) if key in ours]
    )


def _subscribed(connection: Connection, keys: Collection[str]) -> frozenset[str]:
    ordered, found = sorted(keys), set[str]()
    for start in range(0, len(ordered), _ASKED):
        somebody = among(connection, subscribers.c.address_key, ordered[start : start + _ASKED])
        found.update(connection.execute(select(subscribers.c.address_key).where(somebody)).scalars())
    return frozenset(found)


def _strength(column: str) -> str:
    # Reasons we do not know (written by a later version) are the strongest: nothing replaces them.
    known = " ".join(f"WHEN '{name}' THEN {place}" for name, place in _STRENGTH.items())
    return f"(CASE {column} {known} ELSE {len(_STRENGTH)} END)"
