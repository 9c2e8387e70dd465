"""SECRET_KEY became another one and nobody kept the old: friends wait, and everything else goes on."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.crash_signups import DESK
from tests.support.followups import PUBLICATION
from tests.support.ledger import make_mailing
from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import bring, counted, make_milestone, make_rules
from worker.domain.signup import Signup
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.milestones import rewards_of
from worker.store.signups import keep_signup, waiting_signups
from worker.store.tables import referrals
from worker.usecases.content import Content
from worker.usecases.take_signups import take_signups
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


def test_who_came_by_a_link_waits_for_the_secret_and_nobody_behind_them_does(engine, reader, caplog):
    with writing(engine) as connection:
        keep_signup(connection, Signup("friend@example.org", NOW, referral_code=reader.referral_code))
        keep_signup(connection, Signup("other@example.org", NOW))
    hash_addresses(engine, "another secret, under which nobody is known")
    made = take_signups(engine, DESK, NOW)
    assert [one.job for one in made] == ["plan_mailing", "take_signups"]
    assert take_signups(engine, DESK, NOW) == []  # not again and again; the next tick offers the job
    [told, *_] = [record for record in caplog.records if record.getMessage() == "sign-ups wait"]
    assert (told.fields["waiting"], "SECRET_KEY_BEFORE" in told.fields["problem"]) == (1, True)
    assert "friend@" not in caplog.text
    hash_addresses(engine, "the oldest secret of this installation")
    assert [one.job for one in take_signups(engine, DESK, NOW)] == ["plan_mailing"]
    with reading(engine) as connection:
        assert waiting_signups(connection, 10) == []
