"""How fast events are recorded: signed calls over HTTP to one web process, beside a bare insert of the same rows.

`BENCH_EVENTS` (default 60,000) is how many. A call holds 1,000: for each reader of a broadcast `processed`, `delivered` and
`open`, now and then a deferral, a click, a block, a bounce or a complaint. Measured from the first byte of the first call
to the last answer, 204 each: signature, JSON, one transaction, commit. The bare insert has the rows ready and does nothing
else: the driver's executemany into a copy of the table with the same keys, a commit for each thousand.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import urllib3
from sqlalchemy import MetaData

from benchmarks.setting import PROJECT, add_readers, database
from worker.domain.edition import Edition
from worker.domain.event import Event
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.embedded.supervisor import free_port
from worker.mailroom.signing import Signer
from worker.providers.sendgrid_events import parse
from worker.providers.sendgrid_payload import DELIVERY_ARG, SUBMISSION_ARG
from worker.store.engine import Engine, snapshot, writing
from worker.store.instants import to_millis
from worker.store.ledger.claim import claim_batch
from worker.store.ledger.mailings import NewMailing, create_mailing, get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.store.ledger.settle import settle_accepted
from worker.store.ledger.start import start_batch
from worker.store.tables import events

EVENTS = int(os.environ.get("BENCH_EVENTS", "60000"))
PUBLISHED = "400 to 800/s"  # a publishing platform's own figure, in its repository's pull request 25294 (2025)
CALL = 1_000
CONNECTIONS = 4  # SendGrid posts from many servers at once
KINDS: tuple[tuple[int, dict[str, Any]], ...] = (  # every so many readers: an event with these fields
    (1, {"event": "processed"}),
    (1, {"event": "delivered", "response": "250 2.0.0 OK", "ip": "192.0.2.25", "tls": 1}),
    (2, {"event": "open", "useragent": "Mozilla/5.0", "ip": "192.0.2.9", "sg_machine_open": False}),
    (10, {"event": "click", "url": "https://example.com/read?issue=7", "url_offset": {"index": 0, "type": "html"}}),
    (20, {"event": "deferred", "response": "451 4.3.0 Try again later", "attempt": "1"}),
    (100, {"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 No such mailbox"}),
    (200, {"event": "bounce", "type": "blocked", "status": "4.7.1", "reason": "421 4.7.1 Too much mail at once"}),
    (1_000, {"event": "spamreport"}),
)


def main() -> None:
    """Print events per second on both databases, and both against the bare insert."""
    print(f"events; one web process, calls of {CALL:,} events over {CONNECTIONS} connections; published: {PUBLISHED}")
    for kind in ("sqlite", "postgresql"):
        with database(kind) as engine:
            bodies = calls(submitted(engine, EVENTS // 2))
            bare = bare_insert(engine, bodies)
            rate = recorded(engine, bodies)
            print(f"  {kind:10} {rate:8,.0f}/s   bare insert of the same rows {bare:8,.0f}/s (ratio {rate / bare:.2f})")


def submitted(engine: Engine, readers: int) -> list[tuple[int, str, str]]:
    """A broadcast handed over to `readers` readers: (delivery id, submission key, address) of each."""
    add_readers(engine, readers)
    now = datetime.now(UTC)
    editions = {plan: Edition(plan, "The letter", "Preview", "<p>Hi</p>", "Hi", ()) for plan in Plan}
    with writing(engine) as connection:
        new = NewMailing("events", MailingKind.BROADCAST, "issue:plain", now, "2026-11-23T07:00", "UTC", 1_000)
        mailing_id = create_mailing(connection, new, now)
        assert mailing_id is not None
        begin_planning(connection, mailing_id)
        mailing = get_mailing(connection, mailing_id)
    assert mailing is not None
    with snapshot(engine) as connection:
        freeze_audience(connection, mailing, EVERYONE, editions, now)
    found = []
    while True:
        with writing(engine) as connection:
            claimed = claim_batch(connection, mailing_id, 60_000)
            mailing = get_mailing(connection, mailing_id)
            if claimed is None or mailing is None:
                return found
            started = start_batch(connection, claimed, mailing, 60_000, now)
            assert started is not None
            settle_accepted(connection, started, now, message_id="benchmark")
        found += [(one.delivery_id, started.submission_key, one.address) for one in started.recipients]


def calls(readers: Sequence[tuple[int, str, str]]) -> list[bytes]:
    """Bodies as SendGrid writes them, at most EVENTS events in all."""
    at = int(time.time())
    made = [
        {
            "email": address,
            "timestamp": at,
            "smtp-id": f"<{number}.{place}@example.net>",
            DELIVERY_ARG: str(delivery_id),
            SUBMISSION_ARG: key,
            "sg_event_id": base64.b64encode(f"{number}-{place}-of-a-benchmark".encode()).decode(),
            "sg_message_id": f"benchmark.recvd-{number}.0",
            **fields,
        }
        for number, (delivery_id, key, address) in enumerate(readers)
        for place, (every, fields) in enumerate(KINDS)
        if number % every == 0
    ][:EVENTS]
    return [
        b"[" + b",\r\n".join(orjson.dumps(one) for one in made[start : start + CALL]) + b"]\r\n"
        for start in range(0, len(made), CALL)
    ]


def recorded(engine: Engine, bodies: Sequence[bytes]) -> float:
    """Events a second through a web process of its own."""
    signer = Signer()
    ready = [(body, signer.sign(body, int(time.time()))) for body in bodies]
    with web_process(engine, signer.public_key) as url:
        pool = urllib3.PoolManager(maxsize=CONNECTIONS)
        waiting, statuses = list(ready), []

        def post() -> None:
            while True:
                try:
                    body, headers = waiting.pop()
                except IndexError:
                    return
                statuses.append(pool.request("POST", f"{url}/webhooks/sendgrid", body=body, headers=headers).status)

        posting = [threading.Thread(target=post) for _ in range(CONNECTIONS)]
        began = time.perf_counter()
        for one in posting:
            one.start()
        for one in posting:
            one.join()
        spent = time.perf_counter() - began
    assert statuses == [204] * len(bodies), statuses
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM events").scalar_one()
    assert kept == EVENTS
    return EVENTS / spent


def bare_insert(engine: Engine, bodies: Sequence[bytes]) -> float:
    """The same rows a second, straight at the driver."""
    columns = [column.name for column in events.c if column.name != "id"]
    rows = [[_row(event) for event in parse(body)] for body in bodies]
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE TABLE straight (LIKE events INCLUDING ALL)")
        else:
            copy = events.to_metadata(MetaData(), name="straight")
            for index in copy.indexes:
                index.name = f"straight_{index.name}"
            copy.create(connection)
    marks = ", ".join(["?" if engine.dialect.name == "sqlite" else "%s"] * len(columns))
    insert = f"INSERT INTO straight ({', '.join(columns)}) VALUES ({marks})"
    raw = engine.raw_connection()
    cursor = raw.cursor()
    began = time.perf_counter()
    for some in rows:
        if engine.dialect.name == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(insert, some)
        raw.commit()
    spent = time.perf_counter() - began
    raw.close()
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TABLE straight")
    return EVENTS / spent


def _row(event: Event) -> tuple[Any, ...]:
    at = to_millis(event.at)
    keys = event.dedupe_key, event.sg_event_id, event.type.value, at, at, event.address, event.delivery_id
    return (*keys, event.submission_key, event.reason, event.url, event.status, str(event.bounce_class or ""))


@contextmanager
def web_process(engine: Engine, public_key: str) -> Iterator[str]:
    """`broadsheet web` on this database; its URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False).replace("+psycopg", ""),
        "SECRET_KEY": "benchmarks-sign-links-with-this-key",
        "SENDGRID_WEBHOOK_PUBLIC_KEY": public_key,
        "BASE_URL": url,
        "LOG_LEVEL": "WARNING",
    }
    argv = [sys.executable, "-m", "worker.cli", "web", "--port", str(port), "--project", str(PROJECT)]
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib3.request("GET", f"{url}/healthz", timeout=1, retries=False)
                break
            except urllib3.exceptions.HTTPError:
                if process.poll() is not None:
                    raise
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()
