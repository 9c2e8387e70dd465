"""Buckets of tokens in the database, shared by every worker and host, on the database's clock.

What a batch costs and when it may go is worker/domain/pace.py's. A row is written only if it still is what was read,
so two workers never take the same tokens; there are no row locks. Besides the limits' rows there are `account` (a rate
limit of SendGrid's: nobody submits), `bulk` and `prompt` (that queue waits for tokens): only `blocked_until` counts there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, exists, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.domain.mailing import KINDS, Queue
from worker.domain.pace import MESSAGE, Bucket, Pace, Part, Taken, Wait
from worker.store.engine import Connection
from worker.store.instants import DatabaseNow
from worker.store.ledger.moves import changed
from worker.store.tables import mailings, rate_buckets

ACCOUNT = "account"
_TRIES = 100  # of taking tokens that others take too; each failure means that somebody else got theirs
_IS_BULK = or_(*(mailings.c.kind == kind.value for kind, rules in KINDS.items() if rules.queue is Queue.BULK))


def blocked_after(at: datetime | DatabaseNow) -> ColumnElement[bool]:
    """Beside a row of `mailings`: the account or the queue of this mailing is, or was, blocked after `at`."""
    return exists().where(
        rate_buckets.c.name.in_((ACCOUNT, case((_IS_BULK, Queue.BULK.value), else_=Queue.PROMPT.value))),
        rate_buckets.c.blocked_until > at,
    )


#: Beside a row of `mailings`: neither the account nor the queue of this mailing is blocked now. A part of claim and
#: start themselves, so it costs no statement of its own.
MAY_PACE: ColumnElement[bool] = ~blocked_after(DatabaseNow())

_read = select(rate_buckets.c.name, rate_buckets.c.tokens, rate_buckets.c.refilled_at)
_write = (
    update(rate_buckets)
    .where(
        rate_buckets.c.name == bindparam("of"),
        rate_buckets.c.tokens == bindparam("old_tokens"),
        rate_buckets.c.refilled_at == bindparam("old_refilled_at"),
    )
    .values(tokens=bindparam("new_tokens"), refilled_at=bindparam("new_refilled_at"))
)

_give = (
    update(rate_buckets)
    .where(rate_buckets.c.name == bindparam("of"))
    .values(tokens=rate_buckets.c.tokens + bindparam("more"))
)


def take_tokens(connection: Connection, pace: Pace, messages: int, queue: Queue) -> Taken | Wait | Part:
    """Take the tokens of a batch, all or none, in the transaction that starts it.

    So a crash before the commit has taken nothing; whoever does not start after all gives them back (`return_tokens`).
    """
    for _ in range(_TRIES):
        before, now = read_buckets(connection)
        decided = pace.decide(before, messages, queue, now)
        if not isinstance(decided, Taken):
            return decided
        attempt = connection.begin_nested()
        if all(_put(connection, name, before.get(name), decided.buckets[name]) for name in sorted(decided.buckets)):
            attempt.commit()
            return decided
        attempt.rollback()
    return Wait(now)


def return_tokens(connection: Connection, taken: Taken, messages: int) -> None:
    """Give back what was taken for messages that were not sent after all. A bucket never holds more than its limit."""
    if taken.buckets and messages:
        # One by one and in the order in which they are taken, so that two transactions never wait for each other.
        connection.execute(_give, [{"of": name, "more": messages * MESSAGE} for name in sorted(taken.buckets)])


def read_buckets(connection: Connection) -> tuple[dict[str, Bucket], datetime]:
    """Every bucket by name, and the database's time."""
    now: datetime = connection.execute(select(DatabaseNow())).scalar_one()
    return {row.name: Bucket(row.tokens, row.refilled_at) for row in connection.execute(_read)}, now


def block(connection: Connection, name: str, until: datetime) -> None:
    """Let nobody (`account`), or no mailing of a queue, claim or start before `until`. A longer block stands."""
    longer = case(
        (rate_buckets.c.blocked_until > until, rate_buckets.c.blocked_until),
        else_=literal(until, rate_buckets.c.blocked_until.type),
    )
    connection.execute(
        _insert(connection)
        .values(name=name, tokens=0, refilled_at=DatabaseNow(), blocked_until=until)
        .on_conflict_do_update(index_elements=["name"], set_={"blocked_until": longer})
    )


def unblock(connection: Connection, name: str) -> None:
    """Lift a block before its time."""
    connection.execute(update(rate_buckets).where(rate_buckets.c.name == name).values(blocked_until=None))


def read_blocks(connection: Connection) -> Mapping[str, datetime]:
    """What is blocked now, and until when: `account`, `bulk`, `prompt`."""
    query = select(rate_buckets.c.name, rate_buckets.c.blocked_until).where(
        rate_buckets.c.blocked_until > DatabaseNow()
    )
    return {row.name: row.blocked_until for row in connection.execute(query)}


def _put(connection: Connection, name: str, before: Bucket | None, after: Bucket) -> bool:
    """Write a bucket if it still is as it was read."""
    if before is None:
        statement: Any = _insert(connection).values(name=name, tokens=after.tokens, refilled_at=after.refilled_at)
        return changed(connection, statement.on_conflict_do_nothing(index_elements=["name"])) == 1
    written = {
        "of": name,
        "old_tokens": before.tokens,
        "old_refilled_at": before.refilled_at,
        "new_tokens": after.tokens,
        "new_refilled_at": after.refilled_at,
    }
    return changed(connection, _write, written) == 1


def _insert(connection: Connection) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(rate_buckets)
