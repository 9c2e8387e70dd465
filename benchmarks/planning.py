"""How fast a broadcast is planned, beside the same rows written by a straight-line script in the same run.

`BENCH_READERS` (default 1,000,000) is the length of the list. The script writes deliveries into an unguarded table and
batches, and nothing else: no reasons, no exclusions, no editions, no unique constraint.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.setting import add_readers, database
from worker.domain.edition import Edition
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.store.engine import Engine, snapshot, writing
from worker.store.ledger.mailings import NewMailing, create_mailing, get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience

READERS = int(os.environ.get("BENCH_READERS", "1000000"))
SMALL = 10_000
PUBLISHED = 4_200  # subscribers a second: a platform's own figure, as the project's notes on rivals report it

_SCRIPT = (
    "CREATE TABLE straight_batches (number BIGINT, status TEXT)",
    "INSERT INTO straight_batches SELECT DISTINCT id / 1000, 'pending' FROM subscribers",
    "CREATE TABLE straight AS SELECT row_number() OVER (ORDER BY id) AS position, 1 AS mailing_id,"
    " id AS subscriber_id, address_key, id / 1000 AS batch FROM subscribers"
    " WHERE status = 'confirmed' ORDER BY id",
    "DROP TABLE straight",
    "DROP TABLE straight_batches",
)


def main() -> None:
    """Print subscribers per second for a short and a long list, and both against the script."""
    print(f"planning; a platform's published figure is about {PUBLISHED:,}/s")
    for kind in ("sqlite", "postgresql"):
        for readers in (SMALL, READERS):
            with database(kind) as engine:
                add_readers(engine, readers)
                rate, script = plan_once(engine, readers), straight_line(engine, readers, _SCRIPT)
                print(
                    f"  {kind:10} {readers:9,} subscribers  {rate:9,.0f}/s"
                    f"   straight-line script {script:11,.0f}/s (ratio {rate / script:.2f})"
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


def straight_line(engine: Engine, readers: int, statements: Sequence[str]) -> float:
    """The script's subscribers a second."""
    began = time.perf_counter()
    with writing(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    return readers / (time.perf_counter() - began)
