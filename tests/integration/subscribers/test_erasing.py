"""Erasing: nothing about the person is left anywhere, and nothing that protects them is forgotten."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from tests.support.everything import everything, where_it_stands
from tests.support.importing import load
from tests.support.ledger import (
    check_invariants,
    claim,
    claim_and_start,
    counts,
    make_mailing,
    plan,
    planned_mailing,
    start,
)
from tests.support.makers import NOW, make_subscriber, make_suppression
from tests.support.referring import verify
from worker.domain.event import Event, EventType
from worker.domain.mailing import MailingKind
from worker.domain.signup import Signup
from worker.domain.subscriber import SubscriberStatus
from worker.domain.suppression import Suppression, SuppressionReason
from worker.errors import BroadsheetError, SettingsError
from worker.providers.scheduled import Done, Unreached
from worker.store.engine import open_engine, reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import NewGrant, give
from worker.store.launches import convert, mute
from worker.store.ledger.mailings import NewAddressee, get_mailing
from worker.store.ledger.settle import settle_accepted, settle_uncertain
from worker.store.ledger.start import read_owed
from worker.store.referrals import add_referral, confirm_referral, count_verified
from worker.store.signups import keep_signup
from worker.store.subscribers import NewSubscriber, add_subscriber, by_address_key, by_id, set_status
from worker.store.suppressions import lift, reason_for, suppress
from worker.store.tables import (
    batches,
    deliveries,
    events,
    mailings,
    returns,
    signups,
    submissions,
    subscribers,
    suppressions,
)
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.export_subscribers import export_subscribers
from worker.usecases.find_subscriber import NobodyThere
from worker.usecases.record_events import record_events

SECRET = "the oldest secret of this installation"
ADDRESS = "Ana.Prado+letters@Example.com"
KEY = "ana.prado+letters@example.com"
TRACES = ("ana", "prado", "cus_ana", "fair in braga")


class Lists:
    """SendGrid's list of opt-outs as a plain list; `answer` is what it says to an addition."""

    def __init__(self, answer=None):
        self.added, self.answer = [], answer or Done()

    def add(self, addresses):
        self.added += addresses
        return self.answer


@pytest.fixture
def engine(engine):
    hash_addresses(engine, SECRET)
    return engine


@pytest.fixture
def ana(engine):
    """Somebody with something in every table."""
    with writing(engine) as connection:
        ana = make_subscriber(
            connection,
            "paid",
            address=ADDRESS,
            name="Ana Prado",
            language="pt-PT",
            tags=["producer"],
            source="form",
            consent="wrote at the fair in Braga",
            referrer="ana's brother",
            stripe_id="cus_ana",
        )
        friends = [make_subscriber(connection, "paid") for _ in range(3)]  # in one batch with her
        add_referral(connection, ana.id, friends[0].id, NOW)
        confirm_referral(connection, friends[0].id, NOW)
        add_referral(connection, friends[1].id, ana.id, NOW)
        convert(connection, "groups", ana.id, "applied", NOW)
        mute(connection, "groups", ana.id, NOW)
        give(connection, ana.id, NewGrant("manual:1", "gifted", 2, note="from Ana's aunt"), "UTC", NOW)
        make_suppression(connection, ADDRESS, "unsubscribed", evidence="link")
    return ana


def erase(engine, address=ADDRESS, lists=None, **rest):
    return erase_subscriber(engine, address, NOW, lists or Lists(), **rest)


def event(kind, delivery=None, submission=None, at=NOW, **rest):
    return Event(kind, at, ADDRESS, f"{kind}-{delivery}-{at}", "sg-1", delivery, submission, **rest)


@pytest.fixture
def history(engine, ana):
    """Mail of every kind to her, before she left: submitted, uncertain, refused, pending, a test, and events."""
    with writing(engine) as connection:
        lift(connection, [KEY])
        set_status(connection, ana.id, SubscriberStatus.CONFIRMED, NOW)
    submitted, uncertain, refused, pending = (planned_mailing(engine, batch_size=10) for _ in range(4))
    started, in_doubt = claim_and_start(engine, submitted), claim_and_start(engine, uncertain)
    with writing(engine) as connection:
        settle_accepted(connection, started, NOW, message_id="message-1")
        settle_uncertain(connection, in_doubt, NOW, problem="no", status_code=None)
    with writing(engine) as connection:
        test = make_mailing(connection, kind=MailingKind.TEST, addressees=[NewAddressee(None, ana.plan, ADDRESS)])
    plan(engine, test)
    with writing(engine) as connection:
        later = make_mailing(connection, kind=MailingKind.TEST, addressees=[NewAddressee(None, ana.plan, ADDRESS)])
        hers = select(deliveries.c.id).where(deliveries.c.subscriber_id == ana.id)
        batch = select(deliveries.c.batch_id).where(deliveries.c.mailing_id == refused).limit(1).scalar_subquery()
        connection.execute(
            update(deliveries)
            .where(deliveries.c.mailing_id == refused, deliveries.c.subscriber_id == ana.id)
            .values(refused_reason=f"550 no such user <{ADDRESS}>")
        )
        connection.execute(update(batches).where(batches.c.id == batch).values(problem=f"bad row {KEY.upper()}"))
        connection.execute(update(submissions).values(detail=f"about {ADDRESS}"))
        connection.execute(
            update(mailings).where(mailings.c.id == refused).values(needs_attention=f"batch {batch} of {KEY}")
        )
        ids = connection.execute(hers.order_by(deliveries.c.id)).scalars().all()
    record_events(
        engine,
        [
            event(EventType.DELIVERED, ids[0], started.submission_key, reason="250 OK"),
            event(EventType.DEFERRED, ids[0], started.submission_key, reason=f"450 <{KEY}> later"),
            event(
                EventType.CLICKED, ids[0], started.submission_key, url="https://example.com/?for=ana.prado%2Bletters"
            ),
            event(EventType.OPENED),
        ],
        NOW,
    )
    return {"pending": pending, "later": later, "uncertain": uncertain, "submitted": submitted, "test": test}


def test_nothing_about_the_person_is_left_in_any_table_and_the_report_names_each(engine, ana, history):
    assert where_it_stands(engine, *TRACES) != []
    erased = erase(engine)
    assert where_it_stands(engine, *TRACES) == []
    assert set(erased.rows) >= {
        *("subscribers", "subscriber_tags", "grants", "launch_mutes", "suppressions", "events"),
        *("deliveries", "addressees", "submissions", "batches", "mailings"),
    }
    assert erased.to_be_skipped == 2  # the broadcast's, and the test's
    with reading(engine) as connection:
        row = connection.execute(select(subscribers).where(subscribers.c.id == ana.id)).one()
        assert (row.status, row.erased_at, row.joined_at) == ("erased", NOW, ana.joined_at)
        hashed = set(connection.execute(select(deliveries.c.address_key)).scalars())
        assert len([one for one in hashed if one.startswith("erased:")]) == 1
    check_invariants(engine)


def test_erasing_twice_changes_nothing(engine, ana, history):
    erase(engine)
    before = everything(engine)
    assert erase(engine).rows == {}
    assert everything(engine) == before


def test_everybody_else_keeps_everything(engine, ana):
    with writing(engine) as connection:
        other = make_subscriber(
            connection, "paid", address="anabel@example.com", tags=["producer"], consent="form", stripe_id="cus_2"
        )
        give(connection, other.id, NewGrant("manual:2", "comped", 1), "UTC", NOW)
        make_suppression(connection, "someone@example.com", "bounced")
        before = by_id(connection, other.id)
    mailing_id = planned_mailing(engine)
    verify(engine)
    erase(engine)
    with reading(engine) as connection:
        assert by_id(connection, other.id) == before
        assert reason_for(connection, "someone@example.com") == "bounced"
        assert count_verified(connection, ana.id) == 1  # the number stays, with nobody behind it
    assert counts(engine, mailing_id).by_state["pending"] == 4


def test_a_planned_mailing_skips_them_and_a_test_that_was_to_go_there_does_not_go(engine, ana, history):
    erase(engine)
    for mailing_id in (history["pending"], history["test"]):
        claimed = claim(engine, mailing_id)
        started = start(engine, claimed)
        assert ana.id not in {one.subscriber_id for one in started.recipients}
        assert all(one.address for one in started.recipients)
    assert counts(engine, history["pending"]).skipped == {"erased": 1}
    assert counts(engine, history["test"]).skipped == {"erased": 1}
    with reading(engine) as connection:
        query = select(mailings.c.status).where(mailings.c.id == history["later"])
        assert connection.execute(query).scalar() == "cancelled"


def test_whoever_claimed_before_the_erasure_and_starts_after_it_skips_them(engine, ana, history):
    batch = claim(engine, history["pending"])
    with reading(engine) as connection:
        owed = read_owed(connection, batch, get_mailing(connection, batch.mailing_id))
    assert ADDRESS in {one.address for one in owed}
    erase(engine)
    started = start(engine, batch, owed=owed)
    assert ADDRESS not in {one.address for one in started.recipients}
    assert counts(engine, history["pending"]).skipped == {"erased": 1}


HEADER = "address,name,status"


@pytest.mark.parametrize("status", ["", "confirmed", "pending"])
def test_an_import_does_not_bring_them_back_and_writes_nothing_about_them(engine, ana, history, status):
    erase(engine)
    before = everything(engine)
    assert load(engine, HEADER, f"{ADDRESS.upper()},Ana Prado,{status}").counts == {"kept_back": 1}
    assert everything(engine) == before


def test_what_waits_to_come_back_or_to_be_looked_at_is_forgotten_too(engine, ana):
    with writing(engine) as connection:
        keep_signup(connection, Signup(f"  {ADDRESS.upper()}", NOW))
        keep_signup(connection, Signup("somebody.else@example.com", NOW))
        connection.execute(insert(returns).values(address_key=KEY, asked_at=NOW, evidence="form"))
    done = erase(engine)
    assert (done.rows["signups"], done.rows["returns"]) == (1, 1)
    with reading(engine) as connection:
        assert connection.execute(select(signups.c.address)).scalars().all() == ["somebody.else@example.com"]
        assert connection.execute(select(returns)).all() == []


def test_an_event_that_comes_later_is_recorded_and_says_nothing_about_the_person(engine, ana, history):
    with reading(engine) as connection:
        query = select(deliveries.c.id, submissions.c.key).join(
            submissions, submissions.c.batch_id == deliveries.c.batch_id
        )
        delivery, key = connection.execute(
            query.where(deliveries.c.mailing_id == history["uncertain"], deliveries.c.subscriber_id == ana.id)
        ).one()
    erase(engine)
    late = NOW + timedelta(hours=1)
    told = [
        event(EventType.DELIVERED, delivery, key, at=late),
        event(EventType.COMPLAINED, delivery, key, at=late, reason=f"report of {KEY}"),
        event(EventType.BOUNCED, at=late, reason="550 unknown"),
        replace(event(EventType.CLICKED, delivery, key, at=late), url=f"https://example.com/?{KEY}", address=KEY),
    ]
    recorded = record_events(engine, told, late)
    assert (recorded.new, len(recorded.settled_batches)) == (4, 1)
    assert where_it_stands(engine, *TRACES) == []
    with reading(engine) as connection:
        query = select(events.c.address_key).where(events.c.happened_at == late)
        assert {one[:7] for one in connection.execute(query).scalars()} == {"erased:"}
        query = select(suppressions.c.address_key, suppressions.c.reason, suppressions.c.pushed_at)
        [(name, reason, pushed)] = connection.execute(query).all()
        assert (name[:7], reason, pushed) == ("erased:", "complained", NOW)  # the stronger reason is kept
        outcome = select(deliveries.c.outcome).where(deliveries.c.id == delivery)
        assert connection.execute(outcome).scalar() == "complained"


def test_a_new_sign_up_that_they_confirm_makes_a_new_record_and_lifts_what_kept_them_out(engine, ana, history):
    erase(engine)
    with writing(engine) as connection:
        again, added = add_subscriber(connection, NewSubscriber(ADDRESS, NOW, status=SubscriberStatus.PENDING))
        assert (added, again.status, again.id != ana.id) == (True, "pending", True)
    assert load(engine, HEADER, f"{ADDRESS},Ana,confirmed").counts == {"kept_back": 1}
    with writing(engine) as connection:
        assert reason_for(connection, KEY) == "erased"
        assert set_status(connection, again.id, SubscriberStatus.CONFIRMED, NOW)
        assert reason_for(connection, KEY) is None
        assert by_address_key(connection, KEY).status == "confirmed"
    # What is told of her from now on is about a reader again.
    record_events(engine, [event(EventType.BOUNCED, at=NOW + timedelta(days=1))], NOW)
    with reading(engine) as connection:
        assert reason_for(connection, KEY) == "bounced"


def test_a_bounce_of_the_confirmation_of_somebody_who_was_erased_is_about_their_new_record(engine, ana):
    erase(engine)
    with writing(engine) as connection:
        add_subscriber(connection, NewSubscriber(ADDRESS, NOW, status=SubscriberStatus.PENDING))
    record_events(engine, [event(EventType.BOUNCED, at=NOW + timedelta(days=1))], NOW)
    with reading(engine) as connection:
        assert reason_for(connection, KEY) == "bounced"


def test_nobody_elses_word_makes_somebody_erased_a_confirmed_reader(engine, ana):
    erase(engine)
    with writing(engine) as connection:
        again, _ = add_subscriber(connection, NewSubscriber(ADDRESS, NOW))
    assert again.status is SubscriberStatus.UNSUBSCRIBED


def test_who_moves_to_an_address_that_was_mailed_and_then_erased_is_not_mailed_there_again(engine, ana, history):
    """The mailing remembers the address by its hash."""
    with writing(engine) as connection:
        mover = make_subscriber(connection, "paid", address="mover@example.com")
    mailing_id = planned_mailing(engine, batch_size=1)
    with reading(engine) as connection:
        hers = select(deliveries.c.batch_id).where(
            deliveries.c.mailing_id == mailing_id, deliveries.c.subscriber_id == ana.id
        )
        batch = connection.execute(hers).scalar_one()
    while (claimed := claim(engine, mailing_id)).id != batch:
        start(engine, claimed)
    start(engine, claimed)
    erase(engine)
    with writing(engine) as connection:
        connection.execute(
            update(subscribers).where(subscribers.c.id == mover.id).values(address=ADDRESS, address_key=KEY)
        )
    sent = []
    while claimed := claim(engine, mailing_id):
        sent += start(engine, claimed).recipients
    assert ADDRESS not in {one.address for one in sent}
    assert counts(engine, mailing_id).skipped == {"duplicate": 1}
    # And the same person is erased under the same address once more: both stay apart in one mailing.
    erase(engine)
    assert where_it_stands(engine, "ana.prado") == []
    check_invariants(engine)


def test_an_address_they_had_before_goes_too_unless_it_is_somebody_elses_now(engine, ana, history):
    with writing(engine) as connection:
        moved = {"address": "new-ana@example.com", "address_key": "new-ana@example.com"}
        connection.execute(update(subscribers).where(subscribers.c.id == ana.id).values(moved))
        make_suppression(connection, KEY, "bounced")
        other = make_subscriber(connection, address="shared@example.com")
        connection.execute(
            update(deliveries)
            .where(deliveries.c.mailing_id == history["submitted"], deliveries.c.subscriber_id == ana.id)
            .values(address_key="shared@example.com")
        )
        make_suppression(connection, "shared@example.com", "bounced")
    erase(engine, "new-ana@example.com")
    assert where_it_stands(engine, "ana.prado", "new-ana") == []
    with reading(engine) as connection:
        assert reason_for(connection, KEY) == "erased"
        assert reason_for(connection, "shared@example.com") == "bounced"
        assert by_id(connection, other.id).address == "shared@example.com"


def test_an_address_that_is_no_subscribers_is_erased_where_it_stands_and_an_unknown_one_is_said_so(engine):
    with writing(engine) as connection:
        make_suppression(connection, ADDRESS, "complained")
    record_events(engine, [event(EventType.COMPLAINED)], NOW)
    assert set(erase(engine).rows) == {"suppressions", "events"}
    assert where_it_stands(engine, *TRACES) == []
    before = everything(engine)
    with pytest.raises(NobodyThere):
        erase(engine, "stranger@example.com")
    assert everything(engine) == before


def test_sendgrid_is_told_first_where_it_does_not_know_the_opt_out_or_mail_waits_there(engine, ana):
    lists = Lists()
    assert erase(engine, lists=lists).told_sendgrid
    assert lists.added == [KEY]


def test_where_nothing_waits_there_sendgrid_is_told_nothing(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address=ADDRESS)
    lists = Lists()
    assert not erase(engine, lists=lists).told_sendgrid
    assert lists.added == []


def test_nothing_is_erased_while_sendgrid_cannot_be_told_unless_that_is_said(engine, ana):
    before = everything(engine)
    with pytest.raises(BroadsheetError, match="could not be told"):
        erase(engine, lists=Lists(Unreached("away")))
    assert everything(engine) == before
    assert erase(engine, lists=Lists(Unreached("away")), without_sendgrid=True).rows["subscribers"] == 1


def test_without_the_secret_they_were_erased_under_nobody_is_imported_and_events_are_still_taken_in(
    database_url, engine, ana
):
    erase(engine)
    for secret in ("another secret, for the old one was thrown away", None):
        stranger = open_engine(database_url)
        if secret:
            hash_addresses(stranger, secret)
        with pytest.raises(SettingsError, match="SECRET_KEY_BEFORE"):
            load(stranger, HEADER, f"{ADDRESS},Ana,")
        assert record_events(
            stranger, [event(EventType.DELIVERED, at=NOW + timedelta(days=len(secret or "")))], NOW
        ).new
        if secret:
            with pytest.raises(SettingsError, match="SECRET_KEY_BEFORE"):
                erase_subscriber(stranger, ADDRESS, NOW, Lists(), without_sendgrid=True)
        stranger.dispose()


def test_without_any_secret_nothing_is_erased(database_url, ana):
    bare = open_engine(database_url)
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        erase_subscriber(bare, ADDRESS, NOW, Lists())
    bare.dispose()


def test_suppressing_an_erased_address_changes_its_hash_alone(engine, ana):
    erase(engine)
    with writing(engine) as connection:
        suppress(connection, [Suppression(KEY, SuppressionReason.COMPLAINED, NOW, "sendgrid:spam_reports")])
        assert reason_for(connection, KEY) == "erased"
    assert where_it_stands(engine, *TRACES) == []


def test_an_erased_record_of_another_installation_comes_along_and_stops_no_erasing(engine):
    hash_addresses(engine, SECRET)
    with writing(engine) as connection:
        reader = make_subscriber(connection, address=ADDRESS)
    header = "address,status,referral_code,suppressed,suppression_evidence,joined_at,erased_at"
    theirs = f",erased,erased:{reader.id},,,2024-01-05,2024-02-05"
    assert load(engine, header, theirs).counts == {"added": 1}
    erase_subscriber(engine, ADDRESS, NOW, None, without_sendgrid=True)
    out = io.StringIO(newline="")
    export_subscribers(engine, out, False, NOW)
    assert load(engine, out.getvalue().encode()).counts == {"unchanged": 3}
