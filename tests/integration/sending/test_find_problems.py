"""The preflight with what the database knows: how long names really are, and what has gone already."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.checking import letter
from tests.support.makers import NOW, make_subscriber
from tests.support.rendering import make_facts, make_publication, templates
from worker.domain.mailing import MailingKind
from worker.store.engine import writing
from worker.store.ledger.mailings import NewMailing, cancel_mailing, create_mailing
from worker.store.tables import mailings
from worker.usecases.find_problems import find_problems
from worker.usecases.schedule_broadcast import broadcast_key

NAMES = "{first_name|you}\n\n" * 150


def found(engine, text, facts=None):
    facts = facts or make_facts()
    return {one.rule for one in find_problems(engine, text, make_publication(), templates(), facts)}


def schedule(engine, text):
    with writing(engine) as connection:
        new = NewMailing(
            key=broadcast_key(text),
            kind=MailingKind.BROADCAST,
            source=f"issue:{text.id}",
            send_at=NOW,
            wall_time="2026-11-16T08:00",
            zone="UTC",
            batch_size=5,
        )
        return create_mailing(connection, new, NOW)


def test_a_letter_is_measured_with_the_longest_name_of_the_list(engine):
    text = letter(NAMES, silence=("letter-length",))
    assert found(engine, text) == {"size"}
    with writing(engine) as connection:
        make_subscriber(connection, name="Ada")
    assert found(engine, text) == set()
    with writing(engine) as connection:
        make_subscriber(connection, name="A" * 100)
    assert found(engine, text) == {"size"}


@pytest.mark.parametrize(
    ("status", "asked"), [("scheduled", True), ("planning", False), ("finished", False), ("cancelled", True)]
)
def test_dates_are_asked_for_until_the_letter_is_on_its_way(sqlite_engine, status, asked):
    text = letter("::: next\nOn 9 November.\n:::")
    mailing_id = schedule(sqlite_engine, text)
    with writing(sqlite_engine) as connection:
        if status == "cancelled":
            assert cancel_mailing(connection, mailing_id, NOW)
        else:
            connection.execute(mailings.update().where(mailings.c.id == mailing_id).values(status=status))
    later = replace(make_facts(), now=make_facts().now + timedelta(days=30))
    assert found(sqlite_engine, text, later) == ({"past-date", "issue-date"} if asked else set())
