"""SECRET_KEY became another one and nobody kept the old: friends wait, and everything else goes on."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.followups import PUBLICATION
from tests.support.ledger import make_mailing
from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import bring, counted, make_milestone, make_rules
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.milestones import rewards_of
from worker.store.tables import referrals
from worker.usecases.content import Content
from worker.usecases.tick import tick

RULES = make_rules(make_milestone("month", 2))


@pytest.fixture
def reader(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        noor = make_subscriber(connection, address="noor@example.com")
        for friend in make_subscribers(connection, 2):
            bring(connection, noor, friend)
    return noor


def tick_at(engine, now):
    content = Content(replace(PUBLICATION, referral=RULES), {}, {}, {})
    return tick(engine, content, now=now, batch_size=500, lanes=1)


def test_mail_is_due_while_what_is_earned_waits_for_the_secret(engine, reader, caplog):
    with writing(engine) as connection:
        mailing_id = make_mailing(connection)
    hash_addresses(engine, "another secret, under which nobody is known")
    with caplog.at_level(logging.ERROR):
        due = tick_at(engine, NOW + timedelta(minutes=1))
    assert ("plan_mailing", mailing_id) in [(one.job, one.mailing_id) for one in due]
    [told] = [record for record in caplog.records if record.getMessage() == "referrals wait"]
    assert "SECRET_KEY_BEFORE" in told.fields["problem"]
    assert told.exc_info is None
    with reading(engine) as connection:
        assert "pending" in connection.execute(select(referrals.c.state)).scalars().all()
    hash_addresses(engine, "the oldest secret of this installation")
    tick_at(engine, NOW + timedelta(minutes=2))
    assert counted(engine, reader) == 2
    with reading(engine) as connection:
        assert [one.milestone_id for one in rewards_of(connection, [reader.id])] == ["month"]
