"""Staged mailings for tests, driven through the ledger alone: no SendGrid is asked, its answers are passed in."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import event, select, update

from tests.support.ledger import make_mailing as new_mailing
from tests.support.ledger import plan
from tests.support.makers import make_subscribers
from worker.store.engine import reading, writing
from worker.store.ledger.recall import call_in_flight, finish_recall, recalled_generation
from worker.store.ledger.slots import one_at_a_time, take_slot
from worker.store.ledger.staging import open_under
from worker.store.tables import generations, mailings


def in_ninety_minutes():
    return (datetime.now(UTC) + timedelta(minutes=90)).replace(microsecond=0)


def planned_ahead(engine, readers=6, batch_size=2, hour=None):
    """The id of a mailing that is staged and has no batch id yet."""
    hour = hour or in_ninety_minutes()
    with writing(engine) as connection:
        make_subscribers(connection, readers)
        mailing_id = new_mailing(connection, batch_size=batch_size, send_at=hour, stage_at=hour - timedelta(minutes=45))
    plan(engine, mailing_id)
    return mailing_id


def open_id(engine, mailing_id, batch_id=None):
    """Give it a batch id; whether it took it."""
    with writing(engine) as connection:
        now = datetime.now(UTC)
        return open_under(connection, mailing_id, batch_id or f"id-{mailing_id}-{now.timestamp()}", now)


def staged_mailing(engine, **rest):
    """The id of a mailing that is staged under a batch id, nothing handed over yet."""
    mailing_id = planned_ahead(engine, **rest)
    assert open_id(engine, mailing_id)
    return mailing_id


def set_hour(engine, mailing_id, hour):
    """Move the hour as the ledger sees it, as if time had passed."""
    with writing(engine) as connection:
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(send_at=hour))
        connection.execute(update(generations).where(generations.c.mailing_id == mailing_id).values(send_at=hour))


def recall_cancelled(engine, mailing_id):
    """What recall_mailing does where SendGrid says cancelled at once; False where a call has to be waited for."""
    now = datetime.now(UTC)
    with writing(engine) as connection:
        one_at_a_time(connection)
        generation = recalled_generation(connection, mailing_id)
        if call_in_flight(connection, mailing_id):
            return False
        assert take_slot(connection, generation, now)
    with writing(engine) as connection:
        return finish_recall(connection, generation, now)


def generation_states(engine, mailing_id):
    with reading(engine) as connection:
        query = select(generations.c.state).where(generations.c.mailing_id == mailing_id)
        return list(connection.execute(query.order_by(generations.c.generation)).scalars())


@contextmanager
def after_statement(engine, number, act):
    """`act()` once, right after the `number`th statement (from 0) that `engine` runs inside."""
    seen = iter(range(1_000))

    def look(*_given):
        if next(seen) == number:
            act()

    event.listen(engine, "after_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", look)


class Beside(threading.Thread):
    """Runs `work()` in a thread, since it may wait for a row; `result()` is what it returned."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.found, self.wrong = work, None, None
        self.start()

    def run(self):
        try:
            self.found = self.work()
        except BaseException as wrong:
            self.wrong = wrong

    def result(self):
        self.join(30)
        assert not self.is_alive(), "it waits for ever"
        if self.wrong:
            raise self.wrong
        return self.found
