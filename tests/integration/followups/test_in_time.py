"""A launch that closes earlier ends what is on its way, and what counts back from a close does not come on a later day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.integration.followups.conftest import CLOSES, OPENS, Sequences
from tests.integration.followups.test_rules_at_start import started_with
from tests.support.followups import PUBLICATION, make_launch, make_step
from tests.support.ledger import EDITIONS, claim, start
from tests.support.makers import make_subscribers
from worker.domain.late import Late
from worker.domain.quiet import QuietRules
from worker.domain.segment import EVERYONE
from worker.domain.trigger import Trigger
from worker.store.engine import reading, writing
from worker.store.tables import mailings
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.tick import tick

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BEFORE = "2 days before closes, at 18:00"
HOUR_OF_IT = CLOSES - 2 * DAY


@pytest.fixture
def sequences(engine):
    return Sequences(engine)


def closing(launch, at):
    return replace(launch, closes=at.replace(tzinfo=None))


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("closed", [HOUR, 3 * HOUR], ids=["since", "before its hour"])
def test_a_nearer_close_ends_a_launchs_mailing_that_is_made_already(engine, sequences, begun, closed):
    """A large list at an account's pace: a part has gone when the author closes it, for all seats are taken."""
    now = datetime.now(UTC).replace(microsecond=0)

    def clock(at):
        tick(engine, sequences.content, now=at, batch_size=1, lanes=1)

    with writing(engine) as connection:
        make_subscribers(connection, 3)
    launch = closing(make_launch(opens=(now - 4 * HOUR).replace(tzinfo=None), zone="UTC"), now + 10 * DAY)
    sequences.launches[launch.id] = launch
    sequences.steps["launch"] = [make_step(step_id="opening", when="2 hours after opens")]
    clock(now - 2 * HOUR)
    with reading(engine) as connection:
        [mailing_id] = connection.execute(select(mailings.c.id).where(mailings.c.kind == "step")).scalars()
    plan_mailing(engine, mailing_id, lambda _mailing: (EDITIONS, EVERYONE), now, at=now)
    if begun:
        assert len(started_with(engine, mailing_id)) == 1
    sequences.launches[launch.id] = closing(launch, now - closed)
    clock(now - timedelta(minutes=30))
    batch = claim(engine, mailing_id)
    assert batch is None or not start(engine, batch).recipients
    assert "outlived its launch" in sequences.mailing(mailing_id).needs_attention


def test_what_follows_the_close_is_not_ended_by_it(engine, sequences):
    now = datetime.now(UTC).replace(microsecond=0)
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    sequences.launch(
        make_step(step_id="thanks", when="10 minutes after closes"),
        opens=(now - DAY).replace(tzinfo=None),
        closes=(now - HOUR).replace(tzinfo=None),
        zone="UTC",
    )
    sequences.advance(now - 2 * HOUR)
    for at in (now - HOUR, now - HOUR + timedelta(minutes=10)):
        tick(engine, sequences.content, now=at, batch_size=10, lanes=1)
    with reading(engine) as connection:
        [mailing_id] = connection.execute(select(mailings.c.id).where(mailings.c.kind == "step")).scalars()
    plan_mailing(engine, mailing_id, lambda _mailing: (EDITIONS, EVERYONE), now, at=now)
    tick(engine, sequences.content, now=now + HOUR, batch_size=10, lanes=1)
    assert len(started_with(engine, mailing_id)) == 3


def two_days_left(sequences, late=None):
    """(when, step) of a "two days left", behind three mails of other sequences in the same week."""
    with writing(sequences.engine) as connection:
        [reader] = make_subscribers(connection, 1)
    sequences.publication = replace(PUBLICATION, quiet=QuietRules())
    sequences.launch(make_step(step_id="two-days-left", when=BEFORE, late=late))
    sequences.sequence("thanks", make_step("thanks", "thanks", "at once after verified"))
    sequences.advance(OPENS)
    for number, back in enumerate((130, 60, 30)):
        at = HOUR_OF_IT - back * HOUR
        sequences.note(Trigger.VERIFIED, reader, at, str(number))
        sequences.advance_until(*(at + hours * HOUR for hours in range(24)))
    found = sequences.advance_until(*(HOUR_OF_IT + minutes * timedelta(minutes=30) for minutes in range(4 * 24)))
    return [at for at, step, _who in found if step == "two-days-left"]


def test_two_days_left_never_comes_on_a_later_day(engine, sequences):
    assert two_days_left(sequences) == []
    assert ("two-days-left", "skipped", "week_full") in sequences.rows()


def test_unless_its_author_says_that_it_may_come_late(engine, sequences):
    [at] = two_days_left(sequences, Late.SEND)
    assert HOUR_OF_IT + DAY < at < CLOSES
