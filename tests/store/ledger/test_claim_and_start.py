"""Claiming and starting: one owner at a time, and a last look at consent, address, pause and lease."""

import threading

from sqlalchemy import select, update

from tests.support.ledger import (
    check_invariants,
    claim,
    claim_and_start,
    counts,
    let_leases_run_out,
    planned_mailing,
    start,
    statuses,
)
from tests.support.makers import NOW, make_subscriber, make_subscribers, make_suppression
from worker.domain.mailing import MailingKind
from worker.domain.subscriber import Plan
from worker.store.engine import reading, writing
from worker.store.installation import fence, lift_fence
from worker.store.launches import convert
from worker.store.ledger.claim import release_claim
from worker.store.ledger.mailings import NewAddressee, pause_mailing, resume_mailing
from worker.store.tables import deliveries, submissions, subscribers


def test_a_batch_is_claimed_once_and_then_the_next(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 4)
    mailing_id = planned_mailing(engine, batch_size=2)
    first, second = claim(engine, mailing_id), claim(engine, mailing_id)
    assert first.id != second.id
    assert claim(engine, mailing_id) is None
    assert statuses(engine, mailing_id) == ["claimed", "claimed"]


def test_many_workers_at_once_claim_every_batch_exactly_once(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 60)
    mailing_id = planned_mailing(engine, batch_size=2)
    barrier, claimed = threading.Barrier(4), []

    def run():
        barrier.wait()
        misses = 0
        while misses < 3:
            batch = claim(engine, mailing_id)
            if batch is None:
                misses += 1
            else:
                claimed.append(batch.id)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while batch := claim(engine, mailing_id):  # those that a lost race on PostgreSQL left behind
        claimed.append(batch.id)
    assert len(claimed) == len(set(claimed)) == 30


def test_starting_reads_everybody_of_the_batch_with_their_merge_values(engine):
    with writing(engine) as connection:
        ada = make_subscriber(connection, name="Ada Moreno", address="ada@example.com")
    started = claim_and_start(engine, planned_mailing(engine))
    (recipient,) = started.recipients
    assert (recipient.address, recipient.name, recipient.referral_code) == (
        "ada@example.com",
        "Ada Moreno",
        ada.referral_code,
    )
    with reading(engine) as connection:
        row = connection.execute(select(submissions)).one()
    assert (row.key, row.size, row.answer) == (started.submission_key, 1, None)


def test_whoever_left_bounced_or_complained_before_the_start_is_skipped_with_the_reason(engine):
    with writing(engine) as connection:
        left, bounced, complained, stays = make_subscribers(connection, 4)
    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id == left.id).values(status="unsubscribed"))
        make_suppression(connection, bounced.address, "bounced")
        make_suppression(connection, complained.address, "complained")
    started = claim_and_start(engine, mailing_id)
    assert [recipient.subscriber_id for recipient in started.recipients] == [stays.id]
    found = counts(engine, mailing_id)
    assert found.skipped == {"unsubscribed": 1, "bounced": 1, "complained": 1}
    assert found.by_state["submitting"] == 1


def test_somebody_erased_before_the_start_is_skipped(engine):
    with writing(engine) as connection:
        gone, _ = make_subscribers(connection, 2)
    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        erased = {"status": "erased", "address": "", "address_key": None, "name": ""}
        connection.execute(update(subscribers).where(subscribers.c.id == gone.id).values(erased))
    assert len(claim_and_start(engine, mailing_id).recipients) == 1
    assert counts(engine, mailing_id).skipped == {"erased": 1}


def test_a_batch_with_nobody_left_ends_empty_without_a_submission(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        make_suppression(connection, reader.address)
    started = claim_and_start(engine, mailing_id)
    assert started.recipients == ()
    assert statuses(engine, mailing_id) == ["empty"]
    with reading(engine) as connection:
        assert connection.execute(select(submissions)).all() == []


def test_an_application_between_plan_and_start_stops_the_reminder(engine):
    with writing(engine) as connection:
        applies, _ = make_subscribers(connection, 2)
    mailing_id = planned_mailing(engine, kind=MailingKind.STEP, launch_id="producer-groups")
    with writing(engine) as connection:
        convert(connection, "producer-groups", applies.id, "applied", NOW)
    assert len(claim_and_start(engine, mailing_id).recipients) == 1
    assert counts(engine, mailing_id).skipped == {"converted": 1}


def test_mail_follows_an_address_that_changed_after_planning(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection, address="old@example.com")
    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        new = {"address": "new@example.com", "address_key": "new@example.com"}
        connection.execute(update(subscribers).where(subscribers.c.id == reader.id).values(new))
    (recipient,) = claim_and_start(engine, mailing_id).recipients
    assert recipient.address == "new@example.com"
    with reading(engine) as connection:
        assert connection.execute(select(deliveries.c.address_key)).scalar_one() == "new@example.com"


def test_an_address_that_another_delivery_already_goes_to_is_skipped_as_duplicate(engine):
    with writing(engine) as connection:
        first = make_subscriber(connection, address="first@example.com")
        second = make_subscriber(connection, address="second@example.com")
    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        moves = {"address": "moved@example.com", "address_key": "moved@example.com"}
        takes = {"address": "first@example.com", "address_key": "first@example.com"}
        connection.execute(update(subscribers).where(subscribers.c.id == first.id).values(moves))
        connection.execute(update(subscribers).where(subscribers.c.id == second.id).values(takes))
        connection.execute(update(subscribers).where(subscribers.c.id == first.id).values(status="unsubscribed"))
    assert claim_and_start(engine, mailing_id).recipients == ()
    assert counts(engine, mailing_id).skipped == {"unsubscribed": 1, "duplicate": 1}


def test_a_claim_whose_lease_ran_out_cannot_start(engine):
    with writing(engine) as connection:
        make_subscriber(connection)
    mailing_id = planned_mailing(engine)
    batch = claim(engine, mailing_id)
    let_leases_run_out(engine)
    assert start(engine, batch) is None
    assert statuses(engine, mailing_id) == ["claimed"]


def test_a_claim_that_somebody_else_holds_by_now_can_neither_start_nor_release(engine):
    with writing(engine) as connection:
        make_subscriber(connection)
    mailing_id = planned_mailing(engine)
    frozen = claim(engine, mailing_id)
    with writing(engine) as connection:
        assert release_claim(connection, frozen)
    claim(engine, mailing_id)
    assert start(engine, frozen) is None
    with writing(engine) as connection:
        assert not release_claim(connection, frozen)


def test_nothing_starts_twice(engine):
    with writing(engine) as connection:
        make_subscriber(connection)
    batch = claim(engine, planned_mailing(engine))
    assert start(engine, batch) is not None
    assert start(engine, batch) is None
    check_invariants(engine)


def test_a_paused_mailing_neither_claims_nor_starts_until_it_is_resumed(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 2)
    mailing_id = planned_mailing(engine, batch_size=1)
    batch = claim(engine, mailing_id)
    with writing(engine) as connection:
        assert pause_mailing(connection, mailing_id)
        assert not pause_mailing(connection, mailing_id)
    assert start(engine, batch) is None
    assert claim(engine, mailing_id) is None
    with writing(engine) as connection:
        assert resume_mailing(connection, mailing_id)
    assert start(engine, batch) is not None


def test_a_fenced_installation_claims_and_starts_nothing(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 2)
    mailing_id = planned_mailing(engine, batch_size=1)
    batch = claim(engine, mailing_id)
    with writing(engine) as connection:
        fence(connection, "restored from a backup")
    assert claim(engine, mailing_id) is None
    assert start(engine, batch) is None
    with writing(engine) as connection:
        lift_fence(connection)
    assert claim(engine, mailing_id) is not None


def test_a_test_mail_carries_nobodys_working_links_and_respects_suppressions(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection, name="Ada Moreno")
    to = [NewAddressee(reader.id, Plan.FREE, "author@example.com")]
    mailing_id = planned_mailing(engine, kind=MailingKind.TEST, addressees=to)
    (recipient,) = claim_and_start(engine, mailing_id).recipients
    assert (recipient.address, recipient.name, recipient.subscriber_id) == ("author@example.com", "Ada Moreno", 0)
    with writing(engine) as connection:
        make_suppression(connection, "author@example.com", "complained")
    second = planned_mailing(engine, kind=MailingKind.TEST, addressees=to)
    assert claim_and_start(engine, second).recipients == ()
    assert counts(engine, second).skipped == {"complained": 1}


def test_a_confirmation_may_reach_somebody_who_has_not_confirmed(engine):
    with writing(engine) as connection:
        newcomer = make_subscriber(connection, status="pending")
    to = [NewAddressee(newcomer.id, Plan.FREE)]
    mailing_id = planned_mailing(engine, kind=MailingKind.CONFIRMATION, addressees=to)
    assert len(claim_and_start(engine, mailing_id).recipients) == 1
