"""The program as it is, on a clock that is turned: real database, real use cases, mail over loopback HTTP to the mailroom.

Only time is given: the database's clock answers what it was turned to, and use cases are told `now` as jobs tell them.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import event, text

from tests.support.sending import BASE_URL, open_context
from tests.support.simulation.project import CARD_WORD, PAID_WORD
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.store.engine import reading, writing
from worker.store.instants import to_millis
from worker.store.ledger.claim import claim_batch
from worker.usecases.lift_suppressions import lift_suppressions
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.prepare_mailing import prepare_mailing
from worker.usecases.refresh_mailing import refresh_mailing
from worker.usecases.submit_batches import submit_batches
from worker.usecases.take_signups import take_signups
from worker.usecases.tick import tick
from worker.web.app import create_app

LANES, BATCH_SIZE, LEASE_SECONDS = 2, 1_000, 60
_DAY_MS = 86_400_000
#: Steps that are due still, but for those that wait until somebody agrees to an edit.
_LEFT_OVER = text(
    "SELECT 1 FROM due_steps d JOIN sequence_runs s ON s.id = d.run_id WHERE d.state = 'due' AND d.due_at <= :now"
    " AND s.sequence <> :held LIMIT 1"
)
_CONFIRM = re.compile(rf"{re.escape(BASE_URL)}(/c/[\w%-]+)")


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as a reader got it. `at`: when it was handed over."""

    to: str
    at: datetime
    subject: str
    delivery: int
    submission: str
    paid_word: bool
    cards: tuple
    one_click: bool
    confirm_path: str = ""


class Letterbox:
    """What stands in the mailroom where its folder of messages would: of each message what the model asks for."""

    def __init__(self, reader):
        self.mails = []
        self._reader = reader

    def keep(self, messages):
        for one in messages:
            mail = _mail(one)
            self.mails.append(mail)
            self._reader(mail)

    def close(self):
        """Nothing is open."""


def _mail(one):
    html, words = one["html"], one["text"]
    confirm = _CONFIRM.search(words)
    return Mail(
        to=one["to"].lower(),
        at=datetime.fromtimestamp(one["accepted_at"], UTC),
        subject=one["subject"],
        delivery=int(one["custom_args"].get("bs_delivery", 0)),
        submission=one["submission"],
        paid_word=any(PAID_WORD in part for part in (html, words, one["subject"])),
        cards=tuple(name for name in ("groups", "retreat") if CARD_WORD + name in html or CARD_WORD + name in words),
        one_click="List-Unsubscribe" in one["headers"],
        confirm_path=confirm[1] if confirm else "",
    )


class Product:
    """One installation. `turn` moves its time; `tick` is a clock's pass, `work` runs the jobs that it offers."""

    def __init__(self, database_url, folder, state, reader, now):
        self.now = now
        self.room = Mailroom(MailroomOptions(clock=now.timestamp()))
        self.letterbox = Letterbox(reader)
        self.room.inbox = self.letterbox
        self.context = open_context(
            database_url,
            self.room.start(),
            state,
            project=folder,
            lease_seconds=LEASE_SECONDS,
            signup_per_network=1_000,
        )
        self.folder = folder
        self.engine = self.context.engine
        self._give_clock()
        self.client = create_app(self.context, now=lambda: self.now).test_client()
        self.content = None
        self.ticks = self.jobs = 0

    def close(self):
        self.room.stop()
        self.engine.dispose()

    def turn(self, now):
        """It is `now`, in the database, in the mailroom and for everybody."""
        assert now >= self.now
        self.now = now
        self.room.turn_clock(now.timestamp())
        if self.engine.dialect.name == "postgresql":
            with self.engine.begin() as connection:
                connection.execute(text("UPDATE turned.hour SET at = :at"), {"at": now})

    def _give_clock(self):
        if self.engine.dialect.name == "sqlite":
            # The database's own function of that name is replaced; half a millisecond keeps rounding on the right side.
            event.listen(
                self.engine,
                "connect",
                lambda opened, _: opened.create_function("julianday", 1, lambda _: self._julian()),
            )
            self.engine.dispose()
            return
        with self.engine.begin() as connection:
            connection.execute(text("CREATE SCHEMA turned"))
            connection.execute(text("CREATE TABLE turned.hour (at timestamptz)"))
            connection.execute(text("INSERT INTO turned.hour VALUES (:at)"), {"at": self.now})
            connection.execute(
                text(
                    "CREATE FUNCTION turned.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE"
                    " AS 'SELECT at FROM turned.hour'"
                )
            )
        event.listen(self.engine, "connect", _look_there_first)
        self.engine.dispose()

    def forget_clock(self):
        """Leave a shared PostgreSQL as it was."""
        with self.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA turned CASCADE"))

    def _julian(self):
        return 2_440_587.5 + (self.now.timestamp() * 1_000 + 0.5) / _DAY_MS

    def tick(self, clocks=1):
        """A pass of so many clocks at once; what they offer, each once."""
        if (
            self.content is None
        ):  # read again where a file was changed: the clock's own way, and 2,000 times as often, is slow
            self.content = self.context.content
        content = self.content
        self.ticks += clocks

        def one(_clock):
            return tick(self.engine, content, now=self.now, batch_size=BATCH_SIZE, lanes=LANES, lists=True)

        if clocks == 1:
            return one(0)
        with ThreadPoolExecutor(clocks) as pool:
            found = [due for part in pool.map(one, range(clocks)) for due in part]
        return list(dict.fromkeys(found))

    def leaves_some(self, held):
        """Whether there was more due than a pass decides. `held`: the sequence that waits for somebody's word, if one does."""
        with reading(self.engine) as connection:
            given = {"now": to_millis(self.now), "held": held}
            return connection.execute(_LEFT_OVER, given).first() is not None

    def plan(self, due):
        """The planning jobs and those of sign-ups; what is left to submit."""
        rest = []
        for one in due:
            self.jobs += 1
            if one.job == "plan_mailing":
                publication = self.context.publication
                rest += plan_mailing(
                    self.engine, one.mailing_id, self._prepare, self.now, publication.late.grace, self.now
                )
            elif one.job == "take_signups":
                rest += take_signups(self.engine, self.context.signup_desk, self.now, self.context.publication.referral)
            elif one.job == "refresh_mailing":
                rest += refresh_mailing(self.engine, one.mailing_id, self._prepare)
            elif one.job == "lift_suppressions":
                rest += lift_suppressions(self.engine, self.context.lists, self.now)
            elif one.job == "submit_batches":
                rest.append(one)
        return rest

    def submit(self, due, workers=1):
        """The submitting jobs, each by so many workers at once."""
        for mailing_id in dict.fromkeys(one.mailing_id for one in due if one.job == "submit_batches"):
            self.jobs += workers
            if workers == 1:
                self._submit(mailing_id)
            else:
                with ThreadPoolExecutor(workers) as pool:
                    list(pool.map(self._submit, [mailing_id] * workers))

    def _submit(self, mailing_id):
        while submit_batches(self.engine, self.context.provider, mailing_id, self.context.terms):
            pass

    def die_claiming(self, due):
        """A worker that claimed the next batch and died before it started it."""
        for one in due:
            if one.job == "submit_batches":
                with writing(self.engine) as connection:
                    return claim_batch(connection, one.mailing_id, LEASE_SECONDS * 1_000) is not None
        return False

    def _prepare(self, mailing):
        return prepare_mailing(
            self.engine, self.folder, mailing, base_url=BASE_URL, now=self.now, cache=self.context.editions
        )

    def rows(self, query):
        with reading(self.engine) as connection:
            return connection.execute(query).all()


def _look_there_first(opened, _record):
    with opened.cursor() as cursor:
        cursor.execute("SET search_path = turned, public, pg_catalog")
    opened.commit()
