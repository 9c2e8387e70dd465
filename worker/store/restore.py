"""What only a list of our own brings along: records of erased people, who brought whom and what that earned, merges.

Each is written once; repeating it changes nothing, and nothing that is here already is changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.address import address_key
from worker.domain.milestone import Milestone, Reward, RewardState
from worker.domain.referral import ReferralState
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection
from worker.store.instants import to_millis
from worker.store.known_keys import person_key
from worker.store.milestones import given_elsewhere, reach
from worker.store.rows import encode_rows, rows_source, statement
from worker.store.tables import known_keys, subscribers


@dataclass(frozen=True, slots=True)
class ErasedRecord:
    """Somebody whose personal data was removed: nothing but a code and two moments."""

    referral_code: str
    joined_at: datetime
    erased_at: datetime


@dataclass(frozen=True, slots=True)
class Referred:
    """Who was brought by whom, by their ids. Without a state, as older exports are, whoever is confirmed counts."""

    referred_id: int
    referrer_id: int
    recorded_at: datetime
    confirmed_at: datetime | None
    state: str = ""
    reason: str = ""


def add_erased(connection: Connection, records: Sequence[ErasedRecord]) -> frozenset[str]:
    """Add erased records by their codes; returns the codes that were new. A code somebody has here is left to them."""
    if not records:
        return frozenset()
    columns = {"referral_code": "text", "joined_at": "bigint", "erased_at": "bigint", "place": "bigint"}
    insert = statement(
        "INSERT INTO subscribers (address, status, referral_code, joined_at, erased_at)"  # noqa: S608
        f" SELECT '', 'erased', referral_code, joined_at, erased_at FROM {rows_source(connection, columns)} WHERE true"
        " ORDER BY place ON CONFLICT (referral_code) DO NOTHING RETURNING referral_code"
    )
    rows = [
        {
            "referral_code": one.referral_code,
            "joined_at": to_millis(one.joined_at),
            "erased_at": to_millis(one.erased_at),
            "place": place,
        }
        for place, one in enumerate(records)
    ]
    return frozenset(connection.execute(insert, {"rows": encode_rows(rows)}).scalars())


def ids_of(connection: Connection, names: Collection[str]) -> dict[str, int]:
    """The ids of those whom an export names: by an address, or by the code of somebody erased."""
    keys = {name: address_key(name) for name in names if "@" in name}
    codes = [name for name in names if "@" not in name]
    by_key = select(subscribers.c.address_key, subscribers.c.id).where(
        subscribers.c.address_key.in_(sorted(set(keys.values())))
    )
    found = {row.address_key: row.id for row in connection.execute(by_key)}
    by_code = select(subscribers.c.referral_code, subscribers.c.id).where(
        subscribers.c.referral_code.in_(codes), subscribers.c.status == SubscriberStatus.ERASED
    )
    erased = {row.referral_code: row.id for row in connection.execute(by_code)}
    return erased | {name: found[key] for name, key in keys.items() if key in found}


def add_referred(connection: Connection, rows: Sequence[Referred]) -> None:
    """Record referrals that are known from elsewhere; whoever has one here keeps it. Earns nothing: it was earned there."""
    if not rows:
        return
    columns = dict.fromkeys(("referrer_id", "referred_id", "recorded_at", "confirmed_at", "decided_at"), "bigint")
    columns |= dict.fromkeys(("referred_key", "state", "reason"), "text")
    spelled = select(subscribers.c.id, subscribers.c.referral_key).where(
        subscribers.c.id.in_([one.referred_id for one in rows])
    )
    spellings: dict[int, str | None] = {row.id: row.referral_key for row in connection.execute(spelled)}
    names = ", ".join(columns)
    insert = statement(
        f"INSERT INTO referrals ({names}) SELECT {names} FROM {rows_source(connection, columns)} WHERE true"  # noqa: S608
        " ORDER BY referred_id ON CONFLICT DO NOTHING"
    )
    values = [
        {
            "referrer_id": one.referrer_id,
            "referred_id": one.referred_id,
            "recorded_at": to_millis(one.recorded_at),
            "confirmed_at": None if one.confirmed_at is None else to_millis(one.confirmed_at),
            "decided_at": _decided(one),
            "referred_key": person_key(connection, one.referred_id, spellings.get(one.referred_id)),
            "state": _state(one),
            "reason": one.reason,
        }
        for one in rows
    ]
    connection.execute(insert, {"rows": encode_rows(values)})


def _state(one: Referred) -> str:
    return one.state or (ReferralState.PENDING if one.confirmed_at is None else ReferralState.VERIFIED).value


def _decided(one: Referred) -> int | None:
    return None if _state(one) == ReferralState.PENDING else to_millis(one.confirmed_at or one.recorded_at)


def add_milestones(connection: Connection, subscriber_id: int, milestones: Collection[str], now: datetime) -> None:
    """What somebody had reached elsewhere, ids as an export writes them: it is not given again, though it waits here."""
    for written in sorted(milestones):
        name, _, how = written.partition(":")
        if how in (RewardState.WAITING, RewardState.VOID):
            reach(connection, subscriber_id, Milestone(name, 0, name, Reward()), RewardState(how), now)
        elif not given_elsewhere(connection, subscriber_id, name, now):
            note_given(connection, subscriber_id, [name], now)


def note_given(connection: Connection, subscriber_id: int, milestone_ids: Collection[str], now: datetime) -> None:
    """What somebody was given elsewhere; what is noted here, waits perhaps, is left as it is."""
    for name in sorted(milestone_ids):
        reach(connection, subscriber_id, Milestone(name, 0, name, Reward()), RewardState.GRANTED, now)


def add_known_keys(connection: Connection, subscriber_id: int, keys: Collection[str]) -> None:
    """Hashes of what somebody was known under before; of use where the secret is the same one."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{"key": key, "subscriber_id": subscriber_id} for key in sorted(keys)]
    if rows:
        connection.execute(insert(known_keys).values(rows).on_conflict_do_nothing())


def merge_into(connection: Connection, subscriber_id: int, target_id: int) -> None:
    """Say which record goes on for one that was merged, unless that is known here."""
    statement = (
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.merged_into.is_(None), subscribers.c.id != target_id)
        .values(merged_into=target_id)
    )
    connection.execute(statement)
