"""Merging two records of one person: nobody is mailed twice, whatever state their mail is in, and nothing is lost."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.everything import where_it_stands
from tests.support.ledger import EDITIONS, check_invariants, claim, counts, make_mailing, plan, start
from tests.support.makers import JOINED, NOW, make_subscriber, make_suppression
from tests.support.referring import verify
from tests.support.staging import open_id, recall_cancelled
from worker.domain.plan import PlanState
from worker.domain.segment import HasTag
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.errors import BroadsheetError, UsageError
from worker.providers.scheduled import Done, Unreached
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import NewGrant, give, read_grants
from worker.store.launches import convert, has_converted, has_muted, mute
from worker.store.ledger.mailings import NewAddressee, get_mailing, pause_mailing, resume_mailing
from worker.store.ledger.settle import settle_accepted, settle_pending, settle_uncertain
from worker.store.ledger.start import skip_deliveries
from worker.store.referrals import (
    add_referral,
    confirm_referral,
    count_verified,
    referral_of,
)
from worker.store.subscribers import by_address_key, by_id
from worker.store.suppressions import reason_for
from worker.store.tables import batches, deliveries, launch_conversions, subscribers
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.find_subscriber import NobodyThere
from worker.usecases.merge_subscribers import merge_subscribers

OLD, NEW = "ana.old@example.com", "ana@example.com"
OUT = {"submitting", "submitted", "uncertain"}  # a call was made: it has gone, or perhaps
STATES = ["absent", "pending", "claimed", "submitting", "submitted", "uncertain", "skipped"]


class Lists:
    def __init__(self, answer=None):
        self.added, self.answer = [], answer or Done()

    def add(self, addresses):
        self.added += addresses
        return self.answer


@pytest.fixture
def engine(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    return engine


def merge(engine, ends=OLD, stays=NEW, now=NOW, lists=None):
    return merge_subscribers(engine, ends, stays, "UTC", now, lists or Lists())


def two(connection, *, ends=None, stays=None):
    """The record that ends, and the one that goes on."""
    first = make_subscriber(connection, address=OLD, tags=["of"], **(ends or {}))
    return first, make_subscriber(connection, address=NEW, tags=["of"], **(stays or {}))


class Mail:
    """One mailing with a batch for each delivery, and what has gone out of it, by hand."""

    def __init__(self, engine, states, **rest):
        self.engine, self.sent, self.held, self.started = engine, [], {}, {}
        with writing(engine) as connection:
            self.ends, self.stays = two(connection)
            for reader in (self.ends, self.stays):
                if states[reader.address] == "absent":
                    connection.execute(
                        update(subscribers).where(subscribers.c.id == reader.id).values(status="unsubscribed")
                    )
            make_subscriber(connection, address="else@example.com", tags=["of"])
            self.id = make_mailing(connection, batch_size=1, **rest)
        plan(engine, self.id, HasTag("of"))
        with writing(engine) as connection:  # those who were not here when it was planned are now
            connection.execute(update(subscribers).values(status="confirmed"))
        if rest:
            assert open_id(engine, self.id)
        for address, state in states.items():
            self._bring(address, state)

    def _bring(self, address, state):
        if state in ("absent", "pending"):
            return
        with writing(self.engine) as connection:
            [delivery] = connection.execute(
                select(deliveries.c.id, deliveries.c.batch_id).where(deliveries.c.address_key == address)
            ).all()
            if state == "skipped":
                skip_deliveries(connection, [delivery.id], "bounced")
        if state == "skipped":
            return
        batch = self._claim(delivery.batch_id)
        if state == "claimed":
            self.held[address] = batch
            return
        started = start(self.engine, batch)
        self.started[address] = started
        with writing(self.engine) as connection:
            if state == "submitted":
                settle_accepted(connection, started, NOW)
            elif state == "uncertain":
                settle_uncertain(connection, started, NOW, problem="no answer", status_code=None)
        self.sent += [one.address for one in started.recipients]

    def _claim(self, batch_id):
        """That batch and no other."""
        others = update(batches).where(batches.c.id != batch_id, batches.c.status == "pending")
        with writing(self.engine) as connection:
            connection.execute(others.values(not_before=datetime(2999, 1, 1, tzinfo=UTC)))
        batch = claim(self.engine, self.id)
        with writing(self.engine) as connection:
            connection.execute(update(batches).values(not_before=None))
        assert batch.id == batch_id
        return batch

    def to_the_end(self):
        """Whoever holds a claim goes on with it, then everything that may be claimed goes; returns whom that mailed."""
        mailed = []
        for batch in self.held.values():
            found = start(self.engine, batch)
            mailed += [one.address for one in found.recipients] if found else []
        while batch := claim(self.engine, self.id):
            found = start(self.engine, batch)
            mailed += [one.address for one in found.recipients]
            with writing(self.engine) as connection:
                if found.recipients:
                    settle_accepted(connection, found, NOW)
        return [one for one in mailed if one != "else@example.com"]


@pytest.mark.parametrize("ends", [one for one in STATES if one != "skipped"])
@pytest.mark.parametrize("stays", STATES)
def test_in_one_mailing_the_person_is_mailed_once_whatever_state_both_are_in(engine, ends, stays):
    mail = Mail(engine, {OLD: ends, NEW: stays})
    out = [one for one in (ends, stays) if one in OUT]
    waiting = [one for one in (ends, stays) if one in ("pending", "claimed")]
    merge(engine)
    mailed = mail.to_the_end()
    if out:
        assert mailed == [], "mailed a second time"
    elif waiting and not (stays == "skipped" and ends == "absent"):
        assert mailed == [NEW], "the person who was owed it must get it, once, at the address that goes on"
    else:
        assert mailed == []
    counts(engine, mail.id)
    check_invariants(engine)


@pytest.mark.parametrize("ends", ["submitting", "uncertain"])
@pytest.mark.parametrize("stays", ["absent", "pending", "claimed", "submitting"])
def test_a_call_that_was_not_taken_after_all_is_made_up_for_once_and_at_the_address_that_goes_on(engine, ends, stays):
    mail = Mail(engine, {OLD: ends, NEW: stays})
    merge(engine)
    with writing(engine) as connection:
        settle_pending(
            connection, mail.started[OLD], "rate_limited", NOW, problem="429", status_code=429, not_before=None
        )
    if stays == "submitting":  # both were on their way, and the other one was taken
        with writing(engine) as connection:
            settle_accepted(connection, mail.started[NEW], NOW)
    assert mail.to_the_end() == ([] if stays == "submitting" else [NEW])
    check_invariants(engine)


def hour():
    return (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)


@pytest.mark.parametrize("stays", ["absent", "pending", "claimed", "submitted"])
@pytest.mark.parametrize("ends", ["pending", "submitted"])
def test_mail_that_waited_at_sendgrid_and_was_taken_back_goes_to_the_person_once(engine, ends, stays):
    mail = Mail(engine, {OLD: ends, NEW: stays}, send_at=hour(), stage_at=NOW)
    merge(engine)
    with writing(engine) as connection:
        assert pause_mailing(connection, mail.id)
    assert recall_cancelled(engine, mail.id)
    with writing(engine) as connection:
        assert resume_mailing(connection, mail.id)
    assert open_id(engine, mail.id, "another-id")
    assert mail.to_the_end() == [NEW]
    check_invariants(engine)


def test_mail_that_came_to_nothing_at_the_old_address_is_mailed_to_the_new_one(engine):
    mail = Mail(engine, {OLD: "submitted", NEW: "pending"})
    with writing(engine) as connection:
        connection.execute(update(deliveries).where(deliveries.c.address_key == OLD).values(outcome="bounced"))
    assert merge(engine).skipped == 0
    assert mail.to_the_end() == [NEW]


def test_whoever_is_skipped_is_listed_with_the_reason_and_the_sum_stays(engine):
    mail = Mail(engine, {OLD: "pending", NEW: "pending"})
    assert merge(engine).skipped == 1
    mail.to_the_end()
    assert counts(engine, mail.id).skipped == {"merged": 1}


def test_a_one_off_that_is_not_planned_yet_leaves_out_the_record_that_ended(engine):
    with writing(engine) as connection:
        ends, _ = two(connection)
        mailing_id = make_mailing(connection, addressees=[NewAddressee(ends.id, ends.plan)])
    merge(engine)
    plan(engine, mailing_id)
    assert counts(engine, mailing_id).audience == 0


def test_the_emptied_record_points_to_the_other_and_says_nothing_about_anybody(engine):
    with writing(engine) as connection:
        ends, stays = two(connection, ends={"name": "Ana Velha", "consent": "the old fair", "stripe_id": "cus_1"})
    merge(engine)
    with reading(engine) as connection:
        gone, kept = by_id(connection, ends.id), by_id(connection, stays.id)
    assert (gone.status, gone.address, gone.name, gone.consent) == (SubscriberStatus.ERASED, "", "", "")
    assert (gone.merged_into, gone.tags, gone.erased_at) == (stays.id, frozenset(), NOW)
    assert (kept.tags, kept.stripe_id, kept.name) == ({"of"}, "cus_1", "Ada Moreno")
    assert where_it_stands(engine, OLD, "velha") == []


def test_records_that_were_merged_before_point_to_the_last(engine):
    with writing(engine) as connection:
        first = make_subscriber(connection, address="first@example.com")
        second, third = two(connection)
    merge(engine, "first@example.com", OLD)
    merge(engine)
    with reading(engine) as connection:
        assert [by_id(connection, one.id).merged_into for one in (first, second)] == [third.id, third.id]
    erase_subscriber(engine, NEW, NOW, Lists())
    assert where_it_stands(engine, "first@", OLD, NEW) == []


@pytest.mark.parametrize(
    ("ends", "stays", "then"),
    [
        ("unsubscribed", None, "unsubscribed"),
        ("complained", "unsubscribed", "complained"),
        ("unsubscribed", "complained", "complained"),
        ("manual", None, "manual"),
        ("bounced", None, None),  # about the old address, not about the person
        ("invalid", None, None),
        (None, "bounced", "bounced"),
        (None, "unsubscribed", "unsubscribed"),
    ],
)
def test_a_no_under_either_address_is_a_no(engine, ends, stays, then):
    with writing(engine) as connection:
        two(connection)
        for address, reason in ((OLD, ends), (NEW, stays)):
            if reason:
                make_suppression(connection, address, reason)
    merge(engine)
    with reading(engine) as connection:
        assert reason_for(connection, NEW) == then
        left = then in ("unsubscribed", "complained")
        assert by_address_key(connection, NEW).status == ("unsubscribed" if left else "confirmed")
        assert reason_for(connection, OLD) == "erased"


def test_somebody_who_left_without_a_suppression_has_left_under_both(engine):
    with writing(engine) as connection:
        two(connection, ends={"status": "unsubscribed"})
    merge(engine)
    with reading(engine) as connection:
        assert (by_address_key(connection, NEW).status, reason_for(connection, NEW)) == ("unsubscribed", "unsubscribed")


def test_the_earlier_consent_is_kept_and_confirms_a_record_that_was_pending(engine):
    early = JOINED - timedelta(days=300)
    with writing(engine) as connection:
        two(
            connection,
            ends={"joined_at": early, "source": "form", "consent": "asked at the fair"},
            stays={"status": "pending", "source": "import:x"},
        )
    merge(engine)
    with reading(engine) as connection:
        kept = by_address_key(connection, NEW)
    assert (kept.status, kept.joined_at, kept.confirmed_at, kept.source) == ("confirmed", early, early, "form")
    assert kept.consent == "asked at the fair; merged with another record of theirs by the operator on 2026-11-16"


def test_friends_go_along_nobody_has_brought_themself_and_nobody_counts_twice(engine):
    with writing(engine) as connection:
        ends, stays = two(connection)
        friends = [make_subscriber(connection) for _ in range(3)]
        for referrer, friend in ((ends, friends[0]), (stays, friends[1]), (ends, friends[2]), (stays, ends)):
            add_referral(connection, referrer.id, friend.id, NOW)
            confirm_referral(connection, friend.id, NOW)
    merge(engine)
    verify(engine)
    with reading(engine) as connection:
        assert count_verified(connection, stays.id) == 3
        assert count_verified(connection, ends.id) == 0
        assert referral_of(connection, stays.id) is None


@pytest.mark.parametrize("same", [True, False])
def test_of_two_who_brought_the_same_person_the_earlier_keeps_the_credit(engine, same):
    with writing(engine) as connection:
        ends, stays = two(connection)
        first = make_subscriber(connection)
        second = first if same else make_subscriber(connection)
        add_referral(connection, first.id, ends.id, NOW - timedelta(days=9))
        add_referral(connection, second.id, stays.id, NOW - timedelta(days=3))
        confirm_referral(connection, stays.id, NOW - timedelta(days=2))
    merge(engine)
    verify(engine)
    with reading(engine) as connection:
        found = referral_of(connection, stays.id)
        assert (found.referrer_id, found.confirmed_at) == (first.id, NOW - timedelta(days=2))
        assert count_verified(connection, first.id) == 1
        assert same or count_verified(connection, second.id) == 0


def test_launches_one_record_applied_to_or_muted_are_so_for_both(engine):
    with writing(engine) as connection:
        ends, stays = two(connection)
        convert(connection, "a", ends.id, "applied", NOW - timedelta(days=2))
        convert(connection, "a", stays.id, "bought", NOW - timedelta(days=1))
        convert(connection, "b", stays.id, "bought", NOW - timedelta(days=3))
        convert(connection, "b", ends.id, "applied", NOW)
        mute(connection, "c", ends.id, NOW)
    merge(engine)
    with reading(engine) as connection:
        rows = connection.execute(select(launch_conversions).order_by(launch_conversions.c.launch_id)).all()
        assert [(row.launch_id, row.subscriber_id, row.how) for row in rows] == [
            ("a", stays.id, "applied"),
            ("b", stays.id, "bought"),
        ]
        assert has_muted(connection, "c", stays.id)
        assert has_converted(connection, "a", stays.id)


def state(engine, reader):
    with reading(engine) as connection:
        found = by_id(connection, reader.id)
    return PlanState(found.plan, found.plan_source, found.plan_ends_at)


def test_paid_time_of_both_stacks_and_what_has_run_is_not_given_again(engine):
    with writing(engine) as connection:
        ends, stays = two(connection)
        long_ago = NOW - timedelta(days=100)
        give(connection, ends.id, NewGrant("manual:0", "gifted", 1), "UTC", long_ago)
        give(connection, stays.id, NewGrant("manual:00", "gifted", 1), "UTC", long_ago)
        give(connection, ends.id, NewGrant("manual:1", "comped", 2), "UTC", NOW)
        give(connection, stays.id, NewGrant("manual:2", "comped", 1), "UTC", NOW)
    merge(engine)
    assert state(engine, stays) == PlanState(Plan.PAID, "comped", datetime(2027, 2, 17, tzinfo=UTC))
    with reading(engine) as connection:
        assert len(read_grants(connection, stays.id)) == 4
        assert read_grants(connection, ends.id) == []


def test_a_plan_an_import_brought_goes_along(engine):
    with writing(engine) as connection:
        make_subscriber(connection, "paid", address=OLD, plan_source="stripe")
        stays = make_subscriber(connection, address=NEW)
        give(connection, stays.id, NewGrant("manual:2", "comped", 1), "UTC", NOW)
    merge(engine)
    assert state(engine, stays) == PlanState(Plan.PAID, "stripe", None)


def test_one_record_is_not_merged_with_itself_nor_with_nobody_and_twice_is_once(engine):
    with writing(engine) as connection:
        two(connection)
    with pytest.raises(UsageError):
        merge(engine, OLD, OLD.upper())
    with pytest.raises(NobodyThere):
        merge(engine, OLD, "nobody@example.com")
    merge(engine)
    with pytest.raises(NobodyThere):
        merge(engine)


def test_sendgrid_is_told_of_an_opt_out_before_the_address_is_forgotten(engine):
    with writing(engine) as connection:
        two(connection)
        make_suppression(connection, OLD, "unsubscribed")
    with pytest.raises(BroadsheetError, match="could not be told"):
        merge(engine, lists=Lists(Unreached("away")))
    lists = Lists()
    merge(engine, lists=lists)
    assert lists.added == [OLD]


# An address that changes


def move(engine, old=OLD, new=NEW, now=NOW, lists=None):
    return change_address(engine, old, new, now, lists or Lists())


@pytest.mark.parametrize("before", ["pending", "claimed", "submitting", "submitted", "uncertain"])
def test_what_is_pending_follows_to_the_new_address_and_what_has_gone_goes_nowhere_again(engine, before):
    mail = Mail(engine, {OLD: before, NEW: "absent"})
    moved = move(engine, new="ana.new@example.com")
    assert (moved.address, moved.address_key) == ("ana.new@example.com", "ana.new@example.com")
    assert mail.to_the_end() == (["ana.new@example.com"] if before in ("pending", "claimed") else [])
    check_invariants(engine)


def test_nobody_is_mailed_at_an_address_that_the_mailing_has_been_to(engine):
    """The address was another reader's when the mailing went there; they have since moved on."""
    mail = Mail(engine, {OLD: "pending", NEW: "submitted"})
    move(engine, NEW, "somewhere@example.com")
    move(engine, OLD, NEW)  # its reader gave it up, so it may be taken
    assert mail.to_the_end() == []
    assert counts(engine, mail.id).skipped == {"duplicate": 1}


def test_the_old_address_is_kept_out_of_imports_and_may_be_taken_again_by_its_own_reader(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address=OLD)
    move(engine)
    with reading(engine) as connection:
        assert (by_address_key(connection, OLD), reason_for(connection, OLD)) == (None, "erased")
        assert by_address_key(connection, NEW).consent == "address changed by the operator on 2026-11-16"
    assert where_it_stands(engine, OLD) == []
    assert move(engine, NEW, OLD).address == OLD
    with reading(engine) as connection:
        assert (reason_for(connection, OLD), reason_for(connection, NEW)) == (None, "erased")


def test_another_spelling_of_the_same_address_is_only_written_down(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address=OLD)
    assert move(engine, OLD, OLD.upper()).address == OLD.upper()
    with reading(engine) as connection:
        assert reason_for(connection, OLD) is None


def test_who_left_has_left_under_the_new_address_too_and_a_bounce_stays_behind(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address=OLD)
        make_suppression(connection, OLD, "unsubscribed")
        make_subscriber(connection, address="b@example.com", suppressed="bounced")
    lists = Lists()
    move(engine, lists=lists)
    move(engine, "b@example.com", "b.new@example.com")
    with reading(engine) as connection:
        assert (reason_for(connection, NEW), by_address_key(connection, NEW).status) == ("unsubscribed", "unsubscribed")
        assert reason_for(connection, "b.new@example.com") is None
    assert lists.added == [OLD]


@pytest.mark.parametrize("reason", ["unsubscribed", "complained", "bounced", "invalid", "manual"])
def test_nobody_is_moved_to_an_address_that_must_not_be_mailed(engine, reason):
    with writing(engine) as connection:
        make_subscriber(connection, address=OLD)
        make_suppression(connection, NEW, reason)
    with pytest.raises(BroadsheetError, match="the new address"):
        move(engine)
    with reading(engine) as connection:
        assert by_address_key(connection, OLD) is not None


def test_nobody_is_moved_to_an_erased_address_or_to_another_readers(engine):
    with writing(engine) as connection:
        two(connection)
    with pytest.raises(BroadsheetError, match="another subscriber has"):
        move(engine)
    erase_subscriber(engine, NEW, NOW, Lists())
    with pytest.raises(BroadsheetError, match="was erased"):
        move(engine)
    with pytest.raises(UsageError):
        move(engine, OLD, "no address")


def test_every_message_of_a_broadcast_to_both_is_told_apart(engine):
    """A sanity check of the helper above: without a merge both addresses are mailed."""
    mail = Mail(engine, {OLD: "pending", NEW: "claimed"})
    assert Counter(mail.to_the_end()) == {OLD: 1, NEW: 1}
    with reading(engine) as connection:
        assert get_mailing(connection, mail.id).audience == 3
    assert set(EDITIONS) == set(Plan)
