"""A project folder with the processes of a real installation, to be killed, frozen and emptied in the middle."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import redis

from tests.support.crash_bench import Bench
from tests.support.crash_checks import check_after_recovery, check_meanwhile
from tests.support.crash_counts import Outcome, examine
from tests.support.crash_layout import lay_out
from tests.support.makers import make_subscribers
from tests.support.waiting import until
from worker import sources
from worker.config import load_settings
from worker.context import Context
from worker.domain.delivery import BatchStatus
from worker.domain.mailing import Queue
from worker.embedded.valkey import start_valkey
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.store.engine import reading, writing
from worker.store.ledger.counts import count_batches
from worker.store.schema import migrate
from worker.usecases.schedule_broadcast import read_hour, schedule_broadcast

LATENCY_SECONDS = 0.1
BATCH_SIZE = 4  # divides each edition's half of the readers
READERS = 160
OPEN = {BatchStatus.PENDING, BatchStatus.CLAIMED, BatchStatus.SUBMITTING}


class Installation:
    """`with Installation(folder, supervisor) as it: it.start("bulk.1"); it.send()`. The mailroom runs in this process.

    `between(url)` may give another URL under which the workers reach the queue; other settings go to the `.env`.
    """

    def __init__(self, folder, valkey_folder, supervisor, *, database_url=None, between=None, **settings):
        self.folder = folder
        self.supervisor = supervisor
        self.room = Mailroom(MailroomOptions(keep=folder / "mailroom", latency_seconds=LATENCY_SECONDS))
        self.valkey_folder = valkey_folder
        self.mailing_id = 0
        self._database_url = database_url or "sqlite:///broadsheet.db"
        self._between = between
        self._settings = settings
        self._began = time.monotonic()

    def __enter__(self):
        self.valkey_url = start_valkey(self.supervisor, self.valkey_folder)
        settings = {
            "DATABASE_URL": self._database_url,
            "REDIS_URL": self._between(self.valkey_url) if self._between else self.valkey_url,
            "SENDGRID_API_URL": self.room.start(),
            "BATCH_SIZE": BATCH_SIZE,
            "BULK_WORKERS": 2,
            "TICK_SECONDS": 0.5,
            "LEASE_SECONDS": 3,
            "CALL_DEADLINE_SECONDS": 2,
        }
        lay_out(self.folder, **settings | self._settings)
        self.context = Context(load_settings(self.folder, {}))
        self.engine = self.context.engine
        migrate(self.engine)
        with writing(self.engine) as connection:
            make_subscribers(connection, READERS // 2)
            make_subscribers(connection, READERS // 2, "paid")
        return self

    def __exit__(self, *_):
        self.room.stop()
        self.engine.dispose()
        self.context.queue.redis.close()

    def start(self, *names, **environment):
        """Start `bulk.1`, `clock.2` and so on."""
        for name in names:
            role = name.partition(".")[0]
            arguments = ["clock"] if role == "clock" else ["work", role]
            argv = [sys.executable, "-m", "worker.cli", *arguments]
            self.supervisor.start(name, argv, {"BROADSHEET_PROJECT": str(self.folder)} | environment)

    def await_words(self, words, *names, seconds=60.0):
        """Wait until each of these processes has logged them."""
        for name in names:
            until(
                lambda name=name: words in self.supervisor.tail(name, 10_000),
                seconds=seconds,
                what=f"{words!r} of {name}",
            )

    def send(self, *, later=timedelta(0), issue_id=None):
        """Schedule the sample issue, for now or later; the clock finds it. `issue_id` makes another issue of it."""
        issue = self._copy(issue_id) if issue_id else sources.list_issues(self.folder)[-1]
        now = datetime.now(UTC)
        publication = self.context.publication
        self.mailing_id = schedule_broadcast(
            self.engine,
            issue,
            publication,
            segment="everyone",
            hour=read_hour(None, publication.slot.zone, now + later),
            batch_size=BATCH_SIZE,
            now=now,
        )
        return self.mailing_id

    def _copy(self, issue_id):
        """Another issue with the sample's text."""
        folder = self.folder / "content" / "issues"
        sample = sorted(folder.glob("*.md"))[-1].read_text(encoding="utf-8")
        again = re.sub(r"^id: .*$", f"id: {issue_id}", sample, count=1, flags=re.MULTILINE)
        (folder / f"2020-01-01-{issue_id}.md").write_text(again, encoding="utf-8")
        (found,) = [one for one in sources.list_issues(self.folder) if one.id == issue_id]
        return found

    def offer_jobs(self, times, *, job="submit_batches", window="t"):
        """The same job again and again, as a confused clock might."""
        for number in range(times):
            self.context.queue.enqueue(Queue.BULK, f"worker.jobs.{job}", self.mailing_id, window=f"{window}{number}")

    def empty_queue(self):
        with redis.Redis.from_url(self.valkey_url) as client:
            client.flushall()

    def stop_valkey(self):
        """As a machine that is switched off."""
        self.supervisor.kill("valkey")

    def start_valkey(self):
        start_valkey(self.supervisor, self.valkey_folder)

    def batches(self):
        """How many batches are in each status."""
        with reading(self.engine) as connection:
            return count_batches(connection, self.mailing_id)

    def uncertain(self):
        """How many batches are uncertain."""
        return self.batches().get(BatchStatus.UNCERTAIN, 0)

    def until_accepted(self, requests):
        """Wait until the mailroom has taken so many requests."""
        until(lambda: self.room.stats()["accepted"] >= requests, seconds=40, what=f"{requests} accepted requests")

    def until_nothing_is_open(self):
        """Wait until nothing is pending, claimed or on its way."""
        until(
            lambda: (found := self.batches()) and not OPEN & found.keys(), seconds=60, what="the end of the broadcast"
        )

    def horse(self, name):
        """The process id of a worker's running job, once it has one."""
        return until(lambda: children(self.supervisor.pid(name)), what=f"a job of {name}")[0]

    def outcome(self, group):
        """What became of everybody, for the table. Before `check`, which records the events that settle what is uncertain."""
        found = Outcome(group, "real processes", self.engine.dialect.name)
        found.count(examine(self.engine, list(self.room.inbox.messages())))
        found.seconds = time.monotonic() - self._began
        return found

    def check(self, mailings=1):
        """Ledger against mailroom; `until_nothing_is_open` comes first. Returns the accepted addresses."""
        bench = Bench(self.engine, self.context.settings.absolute_database_url, self.room.url, self.folder)
        check_meanwhile(bench)
        check_after_recovery(bench, {})
        return self.accepted_addresses(mailings)

    def accepted_addresses(self, mailings=1):
        """What the mailroom took, an address for each message; no address more often than there are mailings."""
        addresses = [one["to"] for one in self.room.inbox.messages()]
        assert max(Counter(addresses).values(), default=0) <= mailings
        return addresses


def is_idle(pid):
    """Whether a worker runs no job."""
    return not children(pid)


def freeze(pid, engine):
    """SIGSTOP a job at a moment when it does not hold SQLite's lock, for which everybody would have to wait."""

    def frozen_without_a_lock():
        tell(pid, signal.SIGSTOP)
        # Long enough for the others to be done with it: only a lock of the frozen one's own stays.
        asking = sqlite3.connect(engine.url.database, timeout=0.25, isolation_level=None)
        try:
            asking.execute("BEGIN IMMEDIATE")
            return True
        except sqlite3.OperationalError:
            tell(pid, signal.SIGCONT)
            return False
        finally:
            asking.close()

    until(frozen_without_a_lock, what="a moment without a lock")


def children(pid):
    """The process ids of a process's children."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in table.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == pid]


def tell(pid, signum):
    """Send a signal to a process that these tests started."""
    os.kill(pid, signal.Signals(signum))
