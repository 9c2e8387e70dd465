"""What a scenario of the crash tests works with: engine, provider, terms, and time that passes when told to."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update

from tests.support.followups import PUBLICATION
from tests.support.ledger import let_leases_run_out
from tests.support.mailroom import kept_messages
from tests.support.sockets import closed_port
from tests.support.submissions import KEY
from worker.domain.mailing import MailingStatus
from worker.domain.segment import EVERYONE
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_scheduled import SendGridScheduler
from worker.render.links import Signer
from worker.store.engine import open_engine, reading, writing
from worker.store.installation import Mark
from worker.store.ledger.mailings import list_mailings, resume_mailing
from worker.store.tables import batches, rate_buckets
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.submit_batches import never, submit_batches
from worker.usecases.terms import Terms
from worker.usecases.tick import Content, tick

BATCH_SIZE = 3
LEASE_SECONDS = 5.0
DEADLINE_SECONDS = 2.0
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Bench:
    """One process's view. With `points`, what is done with `engine` and `provider` is counted."""

    def __init__(
        self, engine, database, room, folder, points=None, lease_seconds=LEASE_SECONDS, deadline=DEADLINE_SECONDS
    ):
        self.engine = engine
        self.database = database
        self.room = room
        self.folder = Path(folder)
        self._points = points
        self._deadline = deadline
        self.stopping = never
        self.provider = self.reaching(room)
        scheduler = SendGridScheduler(SendGrid(KEY, room, deadline).api)
        self.scheduler = points.around_scheduler(scheduler) if points else scheduler
        self.terms = Terms(
            publication=PUBLICATION,
            base_url="https://letters.example.com",
            signer=Signer("a secret of the crash tests, long enough"),
            mark=Mark(self.folder / "state"),
            lease_seconds=lease_seconds,
        )

    def messages(self):
        """What the mailroom has kept so far."""
        return kept_messages(self.folder / "mailroom")

    def reaching(self, url):
        """A provider for another address."""
        provider = SendGrid(KEY, url, self._deadline)
        return self._points.around(provider) if self._points else provider

    def nowhere(self):
        """A provider for a port on which nobody listens."""
        return self.reaching(f"http://127.0.0.1:{closed_port()}")

    def plan(self, mailing_id, editions, now, rule=EVERYONE):
        return plan_mailing(self.engine, mailing_id, lambda _mailing: (editions, rule), now)

    def submit(self, mailing_id, provider=None):
        return submit_batches(self.engine, provider or self.provider, mailing_id, self.terms, self.stopping)

    def tick(self, now, content):
        return tick(self.engine, content, now=now, batch_size=BATCH_SIZE, lanes=2)

    def let_time_pass(self, *, leases=True):
        """As if every lease had run out and every `not_before` had come. Never counted as a point."""
        engine = open_engine(self.database) if self._points else self.engine
        if leases:
            let_leases_run_out(engine)
        with writing(engine) as connection:
            connection.execute(update(batches).where(batches.c.not_before.is_not(None)).values(not_before=LONG_AGO))
            connection.execute(update(rate_buckets).values(blocked_until=None))
        if self._points:
            engine.dispose()


NOTHING_WRITTEN = Content(PUBLICATION, {}, {})


def recover(bench, editions, now, content=NOTHING_WRITTEN, *, resume=True):
    """What a healthy installation does after a crash, until nothing is due: tick, plan, submit, and again."""
    for _round in range(60):
        bench.let_time_pass()
        due = bench.tick(now, content)
        if not due and not (resume and _resume(bench.engine)):
            return
        for one in due:
            if one.job == "plan_mailing":
                bench.plan(one.mailing_id, editions, now)
            else:
                bench.submit(one.mailing_id)
    raise AssertionError(f"something is still due after sixty rounds: {due}")


def _resume(engine):
    with reading(engine) as connection:
        paused = [one.id for one in list_mailings(connection, [MailingStatus.PAUSED])]
    with writing(engine) as connection:
        return [resume_mailing(connection, mailing_id) for mailing_id in paused]
