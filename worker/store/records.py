"""Records: everything that is known of one person, for a request to see it. Reads only, and names nobody else."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, select

from worker.domain.plan import Grant
from worker.domain.referral import ReferralState
from worker.domain.subscriber import Subscriber
from worker.domain.suppression import Suppression, SuppressionReason
from worker.store.engine import Connection
from worker.store.erased import erased_among
from worker.store.grants import read_grants
from worker.store.ledger.candidates import Candidate
from worker.store.ledger.owed_to import candidates_of, exclusions_of
from worker.store.milestones import EarnedReward, rewards_of
from worker.store.referrers import is_named
from worker.store.signups import typed_by
from worker.store.subscribers import by_address_key
from worker.store.tables import (
    events,
    launch_conversions,
    launch_mutes,
    referrals,
    subscribers,
    suppressions,
)

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery: whose mailing, how it stands, and every event about it."""

    mailing: str
    kind: str
    planned_at: datetime | None
    candidate: Candidate
    events: tuple[Row[Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Referred:
    """That somebody was brought (when, and what became of it), and how many they brought: never by whom, or whom.

    `rewards` are the milestones they reached. `is_named`: their first name may stand on their link's page.
    """

    brought_at: datetime | None
    counts_since: datetime | None
    brought: int
    verified: int
    state: str = ""
    reason: str = ""
    rewards: tuple[EarnedReward, ...] = ()
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Everything of one address. `subscriber` None: no subscriber has it. `hashed`: it was erased, and stands so in its place."""

    address_key: str
    hashed: str
    subscriber: Subscriber | None
    suppression: Suppression | None
    told_sendgrid_at: datetime | None
    grants: tuple[Grant, ...]
    referred: Referred
    converted: tuple[Row[Any], ...]
    muted: tuple[Row[Any], ...]
    messages: tuple[Message, ...]
    left_out: tuple[Row[Any], ...]  # (key, kind, reason, planned_at) of mailings that excluded them
    other_events: tuple[Row[Any], ...]  # of mail we do not know
    signups: tuple[Row[Any], ...]  # what was typed into the form and waits to be looked at


def read_record(connection: Connection, key: str) -> Record:
    """What is known of an address, the records that were merged into its own among it."""
    found = by_address_key(connection, key)
    ids = [] if found is None else ids_of(connection, found.id)
    row = connection.execute(select(suppressions).where(suppressions.c.address_key == key)).one_or_none()
    messages = _messages(connection, ids, key)
    known = {one.candidate.delivery_id for one in messages}
    about = select(events).where(events.c.address_key == key).order_by(events.c.happened_at, events.c.id)
    return Record(
        address_key=key,
        hashed=erased_among(connection, [key], strict=False).get(key, ""),
        subscriber=found,
        suppression=None if row is None else _suppression(row),
        told_sendgrid_at=None if row is None else row.pushed_at,
        grants=tuple(read_grants(connection, found.id)) if found else (),
        referred=_referred(connection, ids),
        converted=_of(connection, select(launch_conversions), launch_conversions.c.subscriber_id, ids),
        muted=_of(connection, select(launch_mutes), launch_mutes.c.subscriber_id, ids),
        messages=tuple(messages),
        left_out=tuple(exclusions_of(connection, ids)),
        other_events=tuple(one for one in connection.execute(about) if one.delivery_id not in known),
        signups=tuple(typed_by(connection, [key])),
    )


def ids_of(connection: Connection, subscriber_id: int) -> list[int]:
    """A record's id, and those of the records merged into it."""
    merged = select(subscribers.c.id).where(subscribers.c.merged_into == subscriber_id).order_by(subscribers.c.id)
    return [subscriber_id, *connection.execute(merged).scalars()]


def _messages(connection: Connection, ids: Collection[int], key: str) -> list[Message]:
    found = candidates_of(connection, ids, key)
    happened: dict[int, list[Row[Any]]] = {}
    deliveries = [one.delivery_id for _, one in found if one.delivery_id is not None]
    for start in range(0, len(deliveries), _CHUNK):
        query = (
            select(events)
            .where(events.c.delivery_id.in_(deliveries[start : start + _CHUNK]))
            .order_by(events.c.happened_at, events.c.id)
        )
        for row in connection.execute(query):
            happened.setdefault(row.delivery_id, []).append(row)
    return [
        Message(mailing.key, mailing.kind, mailing.planned_at, one, tuple(happened.get(one.delivery_id or 0, ())))
        for mailing, one in found
    ]


def _referred(connection: Connection, ids: Sequence[int]) -> Referred:
    if not ids:
        return Referred(None, None, 0, 0)
    verified = func.sum(case((referrals.c.state == ReferralState.VERIFIED, 1), else_=0))
    brought = connection.execute(select(func.count(), verified).where(referrals.c.referrer_id.in_(ids))).one()
    rejected = referrals.c.state == ReferralState.REJECTED
    query = select(referrals).where(referrals.c.referred_id.in_(ids)).order_by(rejected, referrals.c.id)
    by = connection.execute(query).first()
    return Referred(
        brought_at=by.recorded_at if by else None,
        counts_since=by.decided_at if by and by.state == ReferralState.VERIFIED else None,
        brought=brought[0],
        verified=brought[1] or 0,
        state=by.state if by else "",
        reason=by.reason if by else "",
        rewards=tuple(rewards_of(connection, ids)),
        is_named=is_named(connection, ids[0]),
    )


def _suppression(row: Row[Any]) -> Suppression:
    return Suppression(row.address_key, SuppressionReason(row.reason), row.suppressed_at, row.evidence)


def _of(connection: Connection, query: Any, column: Any, ids: Collection[int]) -> tuple[Row[Any], ...]:
    return tuple(connection.execute(query.where(column.in_(ids))).all())
