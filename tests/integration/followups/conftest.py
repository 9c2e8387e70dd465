"""What tests of follow-ups say again and again."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tests.support.commands import broadsheet  # noqa: F401  (fixtures)
from tests.support.followups import PUBLICATION, make_launch
from tests.support.mailroom import mailroom, start_mailroom  # noqa: F401  (fixtures)
from worker.store.engine import reading, writing
from worker.store.followups.runs import open_runs
from worker.store.tables import addressees, due_steps, enrollments, mailings
from worker.store.triggers import note_trigger
from worker.usecases.advance_followups import advance_followups
from worker.usecases.content import Content

OPENS = datetime(2026, 11, 16, 9, tzinfo=UTC)  # Lisbon keeps UTC in winter
CLOSES = datetime(2026, 12, 18, 18, tzinfo=UTC)
DUE = datetime(2026, 12, 15, 9, tzinfo=UTC)  # three days before the close


class Sequences:
    """One author's launch and sequences, and the database they are advanced in."""

    def __init__(self, engine):
        self.engine = engine
        self.launches = {}
        self.steps = {}
        self.publication = PUBLICATION
        self.broken = {}

    def launch(self, *steps, **given):
        made = make_launch(**given)
        self.launches[made.id] = made
        if steps:
            self.steps[made.sequence] = list(steps)
        return made

    def sequence(self, name, *steps):
        self.steps[name] = list(steps)

    @property
    def content(self):
        return Content(self.publication, self.launches, self.steps, self.broken)

    def advance(self, now):
        """One pass; the ids of the mailings it made."""
        return advance_followups(self.engine, self.content, now, batch_size=500)

    def advance_until(self, *moments):
        """A pass at each of these moments; (moment, step, readers) of what was mailed."""
        found = []
        for now in moments:
            for mailing_id in self.advance(now):
                found.append((now, self.mailing(mailing_id).step_id, self.readers(mailing_id)))
        return found

    def note(self, event, subscriber, at, occurrence=""):
        with writing(self.engine) as connection:
            note_trigger(connection, event, subscriber.id, at, occurrence)

    def mailing(self, mailing_id):
        with reading(self.engine) as connection:
            return connection.execute(select(mailings).where(mailings.c.id == mailing_id)).one()

    def readers(self, mailing_id):
        with reading(self.engine) as connection:
            query = select(addressees.c.subscriber_id).where(addressees.c.mailing_id == mailing_id)
            return sorted(connection.execute(query).scalars())

    def rows(self, subscriber=None):
        """(step, state, reason) of every due step, in the order they were made for each reader."""
        query = select(due_steps.c.step_id, due_steps.c.state, due_steps.c.reason)
        if subscriber is not None:
            query = query.where(due_steps.c.subscriber_id == subscriber.id)
        with reading(self.engine) as connection:
            ordered = query.order_by(due_steps.c.enrollment_id, due_steps.c.first_due_at, due_steps.c.step_id)
            return [tuple(row) for row in connection.execute(ordered)]

    def enrolled(self):
        """(subscriber, occurrence, status, reason) of every enrollment."""
        query = select(
            enrollments.c.subscriber_id, enrollments.c.occurrence, enrollments.c.status, enrollments.c.reason
        ).order_by(enrollments.c.id)
        with reading(self.engine) as connection:
            return [tuple(row) for row in connection.execute(query)]

    def runs(self):
        with reading(self.engine) as connection:
            return open_runs(connection)


@pytest.fixture
def sequences(engine):
    return Sequences(engine)
