"""Nobody who said no becomes a reader again by another road: a merge, a new address, an operator's word, a late event."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.everything import where_it_stands
from tests.support.ledger import claim, make_mailing, plan, planned_mailing, start
from tests.support.makers import NOW, make_subscriber, make_suppression
from worker.domain.event import DropReason, Event, EventType
from worker.domain.mailing import MailingKind
from worker.domain.subscriber import SubscriberStatus
from worker.errors import BroadsheetError
from worker.providers.scheduled import Done
from worker.store.consent import ask_return, finish_return, held, returning
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.ledger.mailings import NewAddressee
from worker.store.ledger.settle import settle_accepted
from worker.store.subscribers import NewSubscriber, add_subscriber, by_address_key, by_id
from worker.store.suppressions import reason_for
from worker.store.tables import deliveries
from worker.usecases.add_by_operator import add_by_operator
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.record_events import record_events
from worker.usecases.unsubscribe import unsubscribe

OLD, NEW = "ana.old@example.com", "ana@example.com"
LATER = NOW + timedelta(hours=1)


class Lists:
    def add(self, _addresses):
        return Done()


@pytest.fixture
def engine(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    return engine


def move(engine, old=OLD, new=NEW):
    return change_address(engine, old, new, NOW, Lists())


def merge(engine, ends=OLD, stays=NEW):
    return merge_subscribers(engine, ends, stays, "UTC", NOW, Lists())


def whoever_is_mailed(engine, mailing_id=None):
    """Who gets what is left of a mailing, or the next one."""
    mailing_id = mailing_id or planned_mailing(engine)
    found = []
    while batch := claim(engine, mailing_id):
        found += [one.address for one in start(engine, batch).recipients]
    return found


def mailed_at_the_old_address(engine, **rest):
    """A delivery to OLD that SendGrid has taken: (the reader, its id, the key of its submission)."""
    with writing(engine) as connection:
        reader = make_subscriber(connection, address=OLD)
    mailing_id = planned_mailing(engine, **rest)
    started = start(engine, claim(engine, mailing_id))
    with writing(engine) as connection:
        settle_accepted(connection, started, NOW)
        delivery = connection.execute(select(deliveries.c.id).where(deliveries.c.mailing_id == mailing_id)).scalar_one()
    return reader, delivery, started.submission_key


def told(engine, kind, delivery, key, address=OLD, drop=None):
    record_events(engine, [Event(kind, LATER, address, f"{kind}:{delivery}", "sg", delivery, key, drop)], LATER)


# What SendGrid tells of mail that went to an address its reader has no longer


@pytest.mark.parametrize("how", [move, merge])
@pytest.mark.parametrize(
    ("kind", "drop", "reason"),
    [
        (EventType.COMPLAINED, None, "complained"),
        (EventType.UNSUBSCRIBED, None, "unsubscribed"),
        (EventType.DROPPED, DropReason.COMPLAINED, "complained"),
    ],
)
def test_who_says_no_to_mail_at_their_old_address_is_not_mailed_at_the_new_one(engine, how, kind, drop, reason):
    _, delivery, key = mailed_at_the_old_address(engine)
    if how is merge:
        with writing(engine) as connection:
            make_subscriber(connection, address=NEW)
    how(engine)
    told(engine, kind, delivery, key, drop=drop)
    with reading(engine) as connection:
        assert reason_for(connection, NEW) == reason
        assert by_address_key(connection, NEW).status is SubscriberStatus.UNSUBSCRIBED
    assert whoever_is_mailed(engine) == []
    assert {table for table, _ in where_it_stands(engine, OLD)} <= {"deliveries"}  # where it went, until it is erased


def test_a_bounce_at_the_old_address_says_nothing_about_the_new_one(engine):
    _, delivery, key = mailed_at_the_old_address(engine)
    move(engine)
    told(engine, EventType.BOUNCED, delivery, key)
    with reading(engine) as connection:
        assert reason_for(connection, NEW) is None
    assert whoever_is_mailed(engine) == [NEW]


def test_an_opt_out_from_before_their_own_yes_is_not_carried_to_the_new_address(engine):
    reader, delivery, key = mailed_at_the_old_address(engine)
    move(engine)
    unsubscribe(engine, reader.id, LATER + timedelta(hours=1))
    with writing(engine) as connection:
        back = by_id(connection, reader.id)
        at = LATER + timedelta(hours=2)
        assert ask_return(connection, back, at, "confirmed by the link in mail 1", "", "form")
        [one] = returning(connection, "", 9)
        assert finish_return(connection, one)
    told(engine, EventType.UNSUBSCRIBED, delivery, key)
    assert whoever_is_mailed(engine) == [NEW]


def test_a_complaint_about_a_test_is_not_its_subject_s(engine):
    """A test carries somebody's merge values to an address that is not theirs."""
    with writing(engine) as connection:
        reader = make_subscriber(connection, address=NEW)
        author = NewAddressee(reader.id, reader.plan, "author@example.com")
        mailing_id = make_mailing(connection, kind=MailingKind.TEST, addressees=[author])
    plan(engine, mailing_id)
    started = start(engine, claim(engine, mailing_id))
    with writing(engine) as connection:
        settle_accepted(connection, started, NOW)
        delivery = connection.execute(select(deliveries.c.id)).scalar_one()
    told(engine, EventType.COMPLAINED, delivery, started.submission_key, "author@example.com")
    with reading(engine) as connection:
        assert reason_for(connection, NEW) is None
        assert reason_for(connection, "author@example.com") == "complained"


# Who was erased, and whose address somebody has typed into the form since


def erased_and_typed(engine, address, reason=None):
    with writing(engine) as connection:
        make_subscriber(connection, address=address)
        if reason:
            make_suppression(connection, address, reason)
    erase_subscriber(engine, address, NOW, Lists())
    with writing(engine) as connection:
        add_subscriber(connection, NewSubscriber(address, NOW, status=SubscriberStatus.PENDING, source="form"))


@pytest.mark.parametrize("reason", [None, "complained", "unsubscribed", "bounced", "manual"])
def test_a_merge_does_not_make_a_reader_of_an_address_that_was_erased(engine, reason):
    erased_and_typed(engine, NEW, reason)
    with writing(engine) as connection:
        make_subscriber(connection, address=OLD)
    with pytest.raises(BroadsheetError, match="is not mailed"):
        merge(engine)
    assert whoever_is_mailed(engine) == [OLD]


@pytest.mark.parametrize("reason", ["complained", "unsubscribed", "manual"])
def test_a_no_that_is_known_by_a_hash_alone_goes_along_to_the_record_that_goes_on(engine, reason):
    erased_and_typed(engine, OLD, reason)
    with writing(engine) as connection:
        make_subscriber(connection, address=NEW)
    merge(engine)
    with reading(engine) as connection:
        assert reason_for(connection, NEW) == reason
    assert whoever_is_mailed(engine) == []


def test_an_address_that_its_own_reader_gave_up_may_be_merged_into(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address=NEW)
    move(engine, NEW, OLD)
    with writing(engine) as connection:
        add_subscriber(connection, NewSubscriber(NEW, NOW, status=SubscriberStatus.PENDING, source="form"))
    merge(engine)
    assert whoever_is_mailed(engine) == [NEW]
    with reading(engine) as connection:
        assert reason_for(connection, NEW) is None


@pytest.mark.parametrize("reason", [None, "complained", "unsubscribed", "bounced", "manual"])
def test_an_operators_proof_does_not_outweigh_an_erasure(engine, reason):
    erased_and_typed(engine, NEW, reason)
    with pytest.raises(BroadsheetError, match="is not mailed"):
        add_by_operator(engine, NEW, "says so", NOW)
    with reading(engine) as connection:
        assert by_address_key(connection, NEW).status is SubscriberStatus.PENDING
        assert reason_for(connection, NEW) == "erased"


@pytest.mark.parametrize("reason", ["complained", "bounced", "manual"])
def test_a_later_opt_out_does_not_hide_what_an_erased_address_was_suppressed_for(engine, reason):
    erased_and_typed(engine, NEW, reason)
    with writing(engine) as connection:
        make_suppression(connection, NEW, "unsubscribed", NOW)
        assert held(connection, NEW).reason == reason


# Who has come back, while SendGrid's list has not let them go yet


def comes_back(engine, address):
    with writing(engine) as connection:
        reader = make_subscriber(connection, address=address)
    unsubscribe(engine, reader.id, NOW)
    with writing(engine) as connection:
        left = by_id(connection, reader.id)
        assert ask_return(connection, left, NOW, "confirmed by the link in mail 1", "asked", "form")
    return reader


def test_who_came_back_and_moves_is_mailed_at_the_new_address_and_nothing_is_left_of_the_old(engine):
    comes_back(engine, OLD)
    move(engine)
    assert where_it_stands(engine, OLD) == []
    assert whoever_is_mailed(engine) == [NEW]


def test_who_came_back_under_one_address_has_not_left_under_the_other(engine):
    comes_back(engine, OLD)
    with writing(engine) as connection:
        make_subscriber(connection, address=NEW)
    merge(engine)
    assert whoever_is_mailed(engine) == [NEW]


def test_who_came_back_and_left_again_has_left_at_the_new_address_too(engine):
    reader = comes_back(engine, OLD)
    unsubscribe(engine, reader.id, LATER)
    move(engine)
    assert whoever_is_mailed(engine) == []
    with reading(engine) as connection:
        assert reason_for(connection, NEW) == "unsubscribed"
