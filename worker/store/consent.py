"""Consent: a subscriber confirms, chooses what they receive, and comes back after leaving.

Each move is one UPDATE that names what it found, so two at once make one. Somebody who comes back stays suppressed
(a row of `returns` beside) until the provider's own list has let them go; whether they may then be mailed, their status
says, so leaving again in between wins.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.subscriber import Subscriber, SubscriberStatus, Wants, cut_name
from worker.domain.suppression import OWN_WORD, Suppression, SuppressionReason
from worker.store.engine import Connection
from worker.store.erased import forget_erasure, forms_of
from worker.store.grants import hold
from worker.store.subscribers import by_id
from worker.store.suppressions import suppress
from worker.store.tables import returns, subscribers, suppressions

FORM = "form"  # the source of consent given on a page of ours
_MERGES = 10  # records of one person, each merged into the next
_CHUNK = 500  # in one statement
_LEFT = SuppressionReason.UNSUBSCRIBED.value


class Returning(NamedTuple):
    """Somebody who has come back, and whom the provider's list may still hold. `evidence` is how we know."""

    address_key: str
    asked_at: datetime
    evidence: str


class Held(NamedTuple):
    """A suppression as the reader's page needs it."""

    reason: SuppressionReason
    evidence: str
    returning: bool


def surviving(connection: Connection, subscriber_id: int) -> Subscriber | None:
    """The subscriber a link acts on: the one it names, or the record that one was merged into. None: there is none."""
    found = by_id(connection, subscriber_id)
    for _ in range(_MERGES):
        if found is None or found.merged_into is None:
            return found
        found = by_id(connection, found.merged_into)
    return None


def hold_surviving(connection: Connection, subscriber_id: int) -> Subscriber | None:
    """The same for who is about to write: until the transaction ends nobody merges that record or gives it another address.

    Else a no would be written for the address they had a moment ago, and nobody would hear of it.
    """
    following = subscriber_id
    for _ in range(_MERGES):
        hold(connection, following)  # first: what is read next is what those who were faster left
        found = by_id(connection, following)
        if found is None or found.merged_into is None:
            return found
        following = found.merged_into
    return None


def hold_addresses(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, str]:
    """The address keys these subscribers have by now, under the record theirs was merged into, held like that.

    Who was erased has none.
    """
    found: dict[int, str] = {}
    following = {one: one for one in subscriber_ids}  # whose record -> the one asked for
    for _ in range(_MERGES):
        asked = sorted(set(following.values()))
        rows: dict[int, Any] = {}
        for start in range(0, len(asked), _CHUNK):
            held_now = update(subscribers).where(subscribers.c.id.in_(asked[start : start + _CHUNK]))
            columns = (subscribers.c.id, subscribers.c.address_key, subscribers.c.merged_into)
            statement = held_now.values(status=subscribers.c.status).returning(*columns)
            rows.update((row.id, row) for row in connection.execute(statement))
        here = {one: rows[at] for one, at in following.items() if at in rows}
        found.update((one, row.address_key) for one, row in here.items() if row.address_key is not None)
        following = {one: row.merged_into for one, row in here.items() if row.merged_into is not None}
        if not following:
            break
    return found


def held(connection: Connection, address_key: str) -> Held | None:
    """Why an address is not mailed, also one that was erased before; None where nothing suppresses it.

    What its reader cannot take back by themself comes before what they can, then what is known since they are here again.
    """
    query = (
        select(suppressions.c.reason, suppressions.c.evidence, returns.c.address_key)
        .outerjoin_from(suppressions, returns, returns.c.address_key == suppressions.c.address_key)
        .where(suppressions.c.address_key.in_(forms_of(connection, address_key)))
        .order_by(suppressions.c.reason.in_(sorted(OWN_WORD)), suppressions.c.address_key != address_key)
    )
    row = connection.execute(query).first()
    return None if row is None else Held(SuppressionReason(row[0]), row[1], row[2] is not None)


def ask_anew(connection: Connection, subscriber_id: int, name: str, consent: str) -> bool:
    """The newest sign-up of a pending subscriber: its name, if it gave one, and its evidence. Nobody else changes."""
    values = {"consent": consent} | ({"name": cut_name(name)} if name else {})
    return _only(connection, subscriber_id, SubscriberStatus.PENDING, values)


def confirm_pending(connection: Connection, subscriber_id: int, now: datetime, consent: str) -> bool:
    """A pending subscriber has confirmed; True if this call did it."""
    values = {"status": SubscriberStatus.CONFIRMED, "confirmed_at": now, "unsubscribed_at": None, "consent": consent}
    return _only(connection, subscriber_id, SubscriberStatus.PENDING, values)


def rename(connection: Connection, subscriber_id: int, name: str) -> None:
    """A name a reader gave themself; it may be empty."""
    connection.execute(update(subscribers).where(subscribers.c.id == subscriber_id).values(name=cut_name(name)))


def ask_return(
    connection: Connection, subscriber: Subscriber, now: datetime, evidence: str, consent: str, source: str
) -> bool:
    """Somebody who left, or was erased and has signed up anew, is a confirmed subscriber; True if this call did it.

    They are mailed once `finish_return` has lifted the suppression, which is made here if there is none: the provider may
    hold them all the same.
    """
    values = {
        "status": SubscriberStatus.CONFIRMED,
        "confirmed_at": now,  # when they last said yes: entries of the provider's lists older than that say nothing
        "unsubscribed_at": None,
        "consent": consent,
        "source": source,
    }
    if not _only(connection, subscriber.id, subscriber.status, values):
        return False
    forget_erasure(connection, [subscriber.address_key])
    key, left_at = subscriber.address_key, subscriber.unsubscribed_at or now
    suppress(connection, [Suppression(key, SuppressionReason.UNSUBSCRIBED, left_at, "status")], opt_out=False)
    # Nobody knows what the provider's list holds until it has been asked.
    connection.execute(update(suppressions).where(suppressions.c.address_key == key).values(pushed_at=None))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    asked = {"asked_at": now, "evidence": evidence}
    statement = dialect.insert(returns).values(address_key=key, **asked)
    connection.execute(statement.on_conflict_do_update(index_elements=["address_key"], set_=asked))
    return True


def returning(connection: Connection, after: str, limit: int) -> Sequence[Returning]:
    """Those who have come back and are still held, in the order of their keys, behind `after`."""
    query = select(returns).where(returns.c.address_key > after).order_by(returns.c.address_key).limit(limit)
    return [Returning(*row) for row in connection.execute(query)]


def any_returning(connection: Connection) -> bool:
    """Whether there is one."""
    return connection.execute(select(returns.c.address_key).limit(1)).first() is not None


def finish_return(connection: Connection, one: Returning) -> bool:
    """The provider's list has let them go: lift the suppression, unless they left again; True if it was lifted.

    Otherwise the suppression stands, and the provider is told of it anew.
    """
    key = one.address_key
    owned = delete(returns).where(returns.c.address_key == key, returns.c.asked_at == one.asked_at)
    if connection.execute(owned).rowcount != 1:
        return False
    stays = exists().where(subscribers.c.address_key == key, subscribers.c.status == SubscriberStatus.CONFIRMED)
    left = delete(suppressions).where(suppressions.c.address_key == key, suppressions.c.reason == _LEFT, stays)
    if connection.execute(left).rowcount == 1:
        return True
    connection.execute(update(suppressions).where(suppressions.c.address_key == key).values(pushed_at=None))
    return False


def set_preferences(connection: Connection, subscriber_id: int, wants: Wants, paused_until: datetime | None) -> bool:
    """What a confirmed subscriber receives from now on; False where they are not one."""
    values = {"wants": wants, "paused_until": paused_until}
    return _only(connection, subscriber_id, SubscriberStatus.CONFIRMED, values)


def _only(connection: Connection, subscriber_id: int, status: SubscriberStatus, values: dict[str, Any]) -> bool:
    where = (subscribers.c.id == subscriber_id, subscribers.c.status == status)
    return connection.execute(update(subscribers).where(*where).values(values)).rowcount == 1
