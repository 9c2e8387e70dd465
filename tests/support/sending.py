"""Sending in tests: a context on this repository's own texts, with the mailroom behind the real SendGrid provider."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

from sqlalchemy import select

from tests.support.ledger import planned_mailing
from tests.support.makers import make_subscribers
from worker import sources
from worker.config import Settings
from worker.context import Context
from worker.domain.late import Late
from worker.store.engine import reading, writing
from worker.store.tables import batches, deliveries, mailings, submissions
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.schedule_broadcast import read_hour, schedule_broadcast
from worker.usecases.submit_batches import submit_batches

PROJECT = Path(__file__).resolve().parents[2]
SECRET = "a secret of at least thirty-two letters"
KEY = "SG.invented.for-the-tests"
BASE_URL = "https://letters.example.com"
SAMPLE = "the-quiet-weeks-count"


def open_context(database_url, api_url, state_dir, project=PROJECT, **settings):
    """A context as a worker makes it. Its engine is the caller's to dispose of."""
    fields = {
        "project": project,
        "database_url": database_url,
        "base_url": BASE_URL,
        "secret_key": SECRET,
        "sendgrid_api_key": KEY,
        "sendgrid_api_url": api_url,
        "state_dir": state_dir,
        "call_deadline_seconds": 5,
    }
    return Context(Settings(**(fields | settings)))


def submit(context, mailing_id):
    """What a bulk worker does for a mailing: jobs, each with what the one before asked to enqueue, until nothing may go."""
    jobs = 1
    while submit_batches(context.engine, context.provider, mailing_id, context.terms):
        jobs += 1
        assert jobs < 100, "the jobs of one mailing never end"


def mailing_for(context, readers, batch_size=1_000):
    """The id of a mailing planned for so many free readers, with the plain editions of tests/support/ledger.py."""
    with writing(context.engine) as connection:
        make_subscribers(connection, readers)
    return planned_mailing(context.engine, batch_size=batch_size, late=Late.SEND)  # its hour is past on the real clock


def broadcast_sample(context, batch_size=1_000, segment="everyone"):
    """Schedule and plan the sample issue as `send` and the clock do; the mailing's id."""
    now = datetime.now(UTC)
    issue = sources.read_issue(context.settings.project, SAMPLE)
    mailing_id = schedule_broadcast(
        context.engine,
        issue,
        context.publication,
        segment=segment,
        hour=read_hour(None, context.publication.slot.zone, now),
        batch_size=batch_size,
        now=now,
    )
    plan_mailing(context.engine, mailing_id, context.prepare, now)
    return mailing_id


def answers(engine, mailing_id):
    """What came back to each submission of a mailing, in order."""
    with reading(engine) as connection:
        query = (
            select(submissions.c.answer)
            .join(batches, batches.c.id == submissions.c.batch_id)
            .where(batches.c.mailing_id == mailing_id)
            .order_by(submissions.c.id)
        )
        return list(connection.execute(query).scalars())


def batch_rows(engine, mailing_id):
    with reading(engine) as connection:
        query = select(batches).where(batches.c.mailing_id == mailing_id).order_by(batches.c.id)
        return connection.execute(query).all()


def mailing_row(engine, mailing_id):
    with reading(engine) as connection:
        return connection.execute(select(mailings).where(mailings.c.id == mailing_id)).one()


def refused(engine, mailing_id):
    """Address key -> reason, of the deliveries that were refused."""
    with reading(engine) as connection:
        query = select(deliveries.c.address_key, deliveries.c.refused_reason).where(
            deliveries.c.mailing_id == mailing_id, deliveries.c.refused_reason.is_not(None)
        )
        return dict(tuple(row) for row in connection.execute(query))


class _Words(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found = []

    def handle_data(self, data):
        self.found.append(data)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("alt", "title", "href", "content") and value]


def words_of_html(html):
    """Every word a page holds, attributes that readers or crawlers see among them."""
    parser = _Words()
    parser.feed(html)
    parser.close()
    return words(" ".join(parser.found))


def words(text):
    return re.findall(r"\w+", text.lower())


def runs(found, length=5):
    """Every run of so many words."""
    return {tuple(found[n : n + length]) for n in range(len(found) - length + 1)}


def paid_runs():
    """Runs of words that stand in the sample issue's paid part and nowhere in its free part: canaries by the hundred."""
    text = next((PROJECT / "content" / "issues").glob(f"*{SAMPLE}.md")).read_text(encoding="utf-8")
    free, _, rest = text.partition("\n::: paywall")
    paid = rest.partition("\n:::\n")[2]
    # Inside Markdown's marks the words are the same; link targets and directives are left out.
    paid = re.sub(r"^:::.*$", "", paid, flags=re.MULTILINE)
    return runs(words(paid)) - runs(words(free))
