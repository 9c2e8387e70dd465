"""A scratch database for a dry run: a copy of those it is about, on disk and only for a while; the real one is only read.

Whom the scratch has is not copied again: from the first time on, it holds what the dry run has made of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Table, TextClause, event, insert, select, text, true
from sqlalchemy.dialects import sqlite

from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection, Engine, open_engine, reading, writing
from worker.store.erased import share_hash
from worker.store.instants import from_millis
from worker.store.tables import (
    ERASED_KEYS,
    grants,
    installation,
    referral_rewards,
    referrals,
    returns,
    subscriber_tags,
    subscribers,
    suppressions,
)

#: Ids of people the dry run adds begin above every id there can be, so that no copy meets one.
_FIRST_ID = 2**62
_LOOK_UP = 500
_codes = count(1)


@contextmanager
def open_scratch(real: Engine) -> Iterator[Engine]:
    """A scratch database for this one, with nobody in it, removed at the end.

    Nothing in it outlives the process, so nothing is synced. It recognises the same erased addresses.
    """
    with tempfile.TemporaryDirectory(prefix="broadsheet-dry-run-") as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'scratch.db'}")
        event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA synchronous=OFF"))
        with writing(engine) as connection:
            # Rewards stay empty: no row of a file turns out otherwise for what somebody has earned.
            rewards, people = (
                [referrals, referral_rewards],
                [subscribers, subscriber_tags, suppressions, returns, grants],
            )
            tables = [installation, *people, *rewards]
            subscribers.metadata.create_all(connection, tables)
            highest = {"id": _FIRST_ID, "address": "", "status": SubscriberStatus.ERASED, "referral_code": ""}
            connection.execute(insert(subscribers).values(**highest, joined_at=from_millis(0)))
            with reading(real) as source:
                _copy(source, connection, installation, true())
                _copy(source, connection, suppressions, text(ERASED_KEYS))
        share_hash(real, engine)
        try:
            yield engine
        finally:
            engine.dispose()


def scratch_code() -> str:
    """A referral code that no real one is equal to."""
    return f"dry run {next(_codes)}"


def copy_people(real: Connection, scratch: Connection, keys: Collection[str], codes: Collection[str]) -> None:
    """Copy the subscribers with these address keys or referral codes, and the suppressions of these addresses."""
    for some in _parts(keys):
        _copy(real, scratch, suppressions, suppressions.c.address_key.in_(some))
        _copy(real, scratch, returns, returns.c.address_key.in_(some))
        _copy_subscribers(real, scratch, subscribers.c.address_key.in_(some))
    for some in _parts(codes):
        _copy_subscribers(real, scratch, subscribers.c.referral_code.in_(some))


def _copy_subscribers(real: Connection, scratch: Connection, which: ColumnElement[bool]) -> None:
    ids = [row["id"] for row in _copy(real, scratch, subscribers, which)]
    if ids:
        _copy(real, scratch, subscriber_tags, subscriber_tags.c.subscriber_id.in_(ids))
        _copy(real, scratch, grants, grants.c.subscriber_id.in_(ids))


def _copy(
    real: Connection, scratch: Connection, table: Table, which: ColumnElement[bool] | TextClause
) -> list[dict[str, Any]]:
    rows = [dict(row) for row in real.execute(select(table).where(which)).mappings()]
    if rows:
        scratch.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
    return rows


def _parts(values: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _LOOK_UP):
        yield ordered[start : start + _LOOK_UP]
