"""What a reader chose holds at planning and again just before each call: launches only, a pause, and who is asked."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from tests.support.ledger import claim, counts, make_mailing, plan, planned_mailing, start
from tests.support.makers import make_subscriber
from worker.domain.delivery import DeliveryState
from worker.domain.mailing import MailingKind
from worker.domain.subscriber import Plan, Wants
from worker.store.consent import confirm_pending, set_preferences
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import NewAddressee
from worker.store.tables import deliveries, exclusions, subscribers

FAR, PAST = datetime(2199, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
#: How a mailing of each kind is made, and whether what a reader chose holds for it: (launches only, a pause).
KINDS = {
    "a broadcast": ({"kind": MailingKind.BROADCAST}, True, True),
    "a step of a launch": ({"kind": MailingKind.STEP, "launch_id": "groups"}, False, True),
    "another step": ({"kind": MailingKind.STEP}, True, True),
    "a reward": ({"kind": MailingKind.REWARD}, True, True),
    "a welcome": ({"kind": MailingKind.WELCOME}, False, False),
}


def excluded(engine, mailing_id):
    with reading(engine) as connection:
        query = select(exclusions.c.subscriber_id, exclusions.c.reason).where(exclusions.c.mailing_id == mailing_id)
        return dict(tuple(row) for row in connection.execute(query))


def skipped(engine, mailing_id):
    with reading(engine) as connection:
        query = select(deliveries.c.subscriber_id, deliveries.c.skipped_reason)
        return dict(tuple(row) for row in connection.execute(query.where(deliveries.c.mailing_id == mailing_id)))


def choose(engine, reader, wants=Wants.EVERYTHING, paused_until=None):
    with writing(engine) as connection:
        assert set_preferences(connection, reader.id, wants, paused_until)


@pytest.fixture
def readers(engine):
    """Three: one receives everything, one launches alone, one has a pause; and a pause that is over."""
    with writing(engine) as connection:
        all_of_it, launches, paused, was_paused = (make_subscriber(connection) for _ in range(4))
    choose(engine, launches, Wants.LAUNCHES)
    choose(engine, paused, paused_until=FAR)
    choose(engine, was_paused, paused_until=PAST)
    return all_of_it, launches, paused, was_paused


@pytest.mark.parametrize("kind", KINDS)
def test_planning_leaves_out_who_chose_so_with_the_reason(engine, readers, kind):
    how, launches_hold, pause_holds = KINDS[kind]
    _, launches, paused, _ = readers
    wanted = {launches.id: "launches_only"} if launches_hold else {}
    wanted |= {paused.id: "paused"} if pause_holds else {}
    mailing_id = planned_mailing(engine, **how)
    assert excluded(engine, mailing_id) == wanted
    assert counts(engine, mailing_id).audience == 4 - len(wanted)


def test_who_chooses_between_planning_and_the_call_is_skipped_with_the_reason(engine):
    with writing(engine) as connection:
        stays, launches, paused = (make_subscriber(connection) for _ in range(3))
    mailing_id = planned_mailing(engine)
    batch = claim(engine, mailing_id)
    choose(engine, launches, Wants.LAUNCHES)
    choose(engine, paused, paused_until=FAR)
    started = start(engine, batch)
    assert [one.subscriber_id for one in started.recipients] == [stays.id]
    assert skipped(engine, mailing_id) == {stays.id: None, launches.id: "launches_only", paused.id: "paused"}
    assert counts(engine, mailing_id).by_state[DeliveryState.SKIPPED] == 2


def test_who_changes_their_mind_before_the_call_is_mailed(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    mailing_id = planned_mailing(engine)
    choose(engine, reader, paused_until=FAR)
    choose(engine, reader)
    assert len(start(engine, claim(engine, mailing_id)).recipients) == 1


def test_a_confirmation_reaches_who_is_pending_and_who_left_and_nobody_who_has_confirmed(engine):
    with writing(engine) as connection:
        people = {
            "pending": make_subscriber(connection, status="pending"),
            "left": make_subscriber(connection, status="unsubscribed"),
            "left by link": make_subscriber(connection, suppressed="unsubscribed"),
            "confirmed": make_subscriber(connection),
            "complained": make_subscriber(connection, status="pending", suppressed="complained"),
            "bounced": make_subscriber(connection, status="pending", suppressed="bounced"),
        }
    found = {}
    for name, person in people.items():
        with writing(engine) as connection:
            addressees = [NewAddressee(person.id, Plan.FREE)]
            mailing_id = make_mailing(connection, kind=MailingKind.CONFIRMATION, addressees=addressees)
        plan(engine, mailing_id)
        found[name] = excluded(engine, mailing_id).get(person.id)
    assert found == {
        "pending": None,
        "left": None,
        "left by link": None,
        "confirmed": "confirmed",
        "complained": "complained",
        "bounced": "bounced",
    }


def test_a_confirmation_is_skipped_where_it_was_answered_before_the_call(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection, status="pending")
        mailing_id = make_mailing(
            connection, kind=MailingKind.CONFIRMATION, addressees=[NewAddressee(reader.id, Plan.FREE)]
        )
    plan(engine, mailing_id)
    batch = claim(engine, mailing_id)
    with writing(engine) as connection:
        assert confirm_pending(connection, reader.id, PAST, "")
    assert start(engine, batch).recipients == ()
    assert skipped(engine, mailing_id) == {reader.id: "confirmed"}


@pytest.mark.parametrize("status", ["pending", "unsubscribed"])
def test_a_welcome_goes_to_nobody_who_has_not_confirmed(engine, status):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
        mailing_id = make_mailing(connection, kind=MailingKind.WELCOME, addressees=[NewAddressee(reader.id, Plan.FREE)])
    plan(engine, mailing_id)
    batch = claim(engine, mailing_id)
    with writing(engine) as connection:
        connection.execute(update(subscribers).values(status=status))
    assert start(engine, batch).recipients == ()
    assert list(skipped(engine, mailing_id).values()) == ["unconfirmed" if status == "pending" else status]
