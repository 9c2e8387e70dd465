"""How fast a broadcast is planned, beside the same rows written by one bare statement in the same run.

`BENCH_READERS` (default 1,000,000) is the length of the list. The bare statement fills a copy of the deliveries' table,
with its keys and indexes, from the confirmed subscribers: no reasons, no exclusions, no editions, no counting.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

from sqlalchemy import MetaData

from benchmarks.setting import add_readers, database
from worker.domain.edition import Edition
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.store.engine import Engine, snapshot, writing
from worker.store.ledger.mailings import NewMailing, create_mailing, get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.store.tables import deliveries

READERS = int(os.environ.get("BENCH_READERS", "1000000"))
SMALL = 10_000
PUBLISHED = 4_200  # subscribers a second: a platform's own figure, as the project's notes on rivals report it

_BARE = (
    "INSERT INTO straight (mailing_id, subscriber_id, address_key, edition_id, batch_id)"
    " SELECT 1, id, address_key, 1, id / 1000 FROM subscribers WHERE status = 'confirmed' ORDER BY id"
)


def main() -> None:
    """Print subscribers per second for a short and a long list, and both against the bare statement."""
    print(f"planning; a platform's published figure is about {PUBLISHED:,}/s")
    for kind in ("sqlite", "postgresql"):
        for readers in (SMALL, READERS):
            with database(kind) as engine:
                add_readers(engine, readers)
                bare, rate = bare_statement(engine, readers), plan_once(engine, readers)
                print(
                    f"  {kind:10} {readers:9,} subscribers  {rate:9,.0f}/s"
                    f"   one bare statement {bare:9,.0f}/s (ratio {rate / bare:.2f})"
                )


def plan_once(engine: Engine, readers: int) -> float:
    """Plan one broadcast to everybody; subscribers a second, from the first statement to the commit."""
    editions = {plan: Edition(plan, f"The {plan} letter", "Preview", "<p>Hi</p>", "Hi", ()) for plan in Plan}
    now = datetime.now(UTC)
    with writing(engine) as connection:
        new = NewMailing("planning", MailingKind.BROADCAST, "issue:plain", now, "2026-11-23T07:00", "UTC", 1_000)
        mailing_id = create_mailing(connection, new, now)
    assert mailing_id is not None
    began = time.perf_counter()
    with writing(engine) as connection:
        begin_planning(connection, mailing_id)
        mailing = get_mailing(connection, mailing_id)
    assert mailing is not None
    with snapshot(engine) as connection:
        planned = freeze_audience(connection, mailing, EVERYONE, editions, now)
    spent = time.perf_counter() - began
    assert planned is not None
    assert planned.audience == readers
    return readers / spent


def bare_statement(engine: Engine, readers: int) -> float:
    """Its subscribers a second."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE TABLE straight (LIKE deliveries INCLUDING ALL)")
        else:
            deliveries.to_metadata(MetaData(), name="straight").create(connection)
    began = time.perf_counter()
    with writing(engine) as connection:
        connection.exec_driver_sql(_BARE)
    spent = time.perf_counter() - began
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TABLE straight")
    return readers / spent
