"""What follows an event has a time of its own for each reader, whoever else the same mailing goes to."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.followups import make_step
from tests.support.ledger import EDITIONS, check_invariants, claim, start
from tests.support.makers import make_subscriber
from worker.domain.segment import EVERYONE
from worker.domain.trigger import Trigger
from worker.store.engine import reading, writing
from worker.store.tables import deliveries, due_steps, exclusions
from worker.usecases.plan_mailing import plan_mailing

WEEK = timedelta(days=7)


@pytest.fixture
def now():
    """The hour at which both are met: eligibility goes by the database's own clock."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def two(engine, sequences, now):
    """Two readers of one step mailing, and its id."""
    with writing(engine) as connection:
        readers = make_subscriber(connection), make_subscriber(connection)
    sequences.sequence("thanks", make_step("thanks", "thanks", "at once after paid"))
    for reader in readers:
        sequences.note(Trigger.PAID, reader, now)
    (mailing_id,) = sequences.advance(now)
    return *readers, mailing_id


def plan(engine, mailing_id, now):
    plan_mailing(engine, mailing_id, lambda _mailing: (EDITIONS, EVERYONE), now, at=now)


def end_time_of(engine, reader, now):
    with writing(engine) as connection:
        connection.execute(
            update(due_steps)
            .where(due_steps.c.subscriber_id == reader.id)
            .values(expires_at=now - timedelta(minutes=1))
        )


def test_a_mailing_lasts_as_long_as_somebody_may_still_get_it(engine, sequences, now):
    with writing(engine) as connection:
        early, later = make_subscriber(connection), make_subscriber(connection)
    sequences.sequence("thanks", make_step("thanks", "thanks", "at once after paid"))
    sequences.note(Trigger.PAID, early, now - timedelta(minutes=20))
    sequences.note(Trigger.PAID, later, now)
    made = sequences.advance(now)
    last = sequences.mailing(made[-1])
    assert later.id in sequences.readers(last.id)
    assert last.expires_at == now + WEEK


def test_whose_time_is_over_at_planning_is_left_out_and_the_others_are_not(engine, two, now):
    gone, stays, mailing_id = two
    end_time_of(engine, gone, now)
    plan(engine, mailing_id, now)
    with reading(engine) as connection:
        owed = select(deliveries.c.subscriber_id).where(deliveries.c.mailing_id == mailing_id)
        assert connection.execute(owed).scalars().all() == [stays.id]
        left = select(exclusions.c.reason, exclusions.c.subscriber_id).where(exclusions.c.mailing_id == mailing_id)
        assert [tuple(row) for row in connection.execute(left)] == [("late", gone.id)]
    check_invariants(engine)


def test_whose_time_ends_between_planning_and_the_call_is_skipped(engine, two, now):
    gone, stays, mailing_id = two
    plan(engine, mailing_id, now)
    batch = claim(engine, mailing_id)
    end_time_of(engine, gone, now)
    assert [one.subscriber_id for one in start(engine, batch).recipients] == [stays.id]
    with reading(engine) as connection:
        skipped = select(deliveries.c.skipped_reason).where(deliveries.c.subscriber_id == gone.id)
        assert connection.execute(skipped).scalar_one() == "late"
    check_invariants(engine)
