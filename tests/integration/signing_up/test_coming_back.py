"""Leaving and coming back: by a confirmation asked for since, or by the button on the page after leaving. SendGrid's own
list is told both ways, and nobody is mailed before it has let them go."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.ledger import claim, planned_mailing, start
from tests.support.makers import make_subscriber, make_suppression
from tests.support.signing_up import START
from worker.domain.event import Event, EventType
from worker.domain.subscriber import SubscriberStatus
from worker.mailroom import faults
from worker.store.consent import any_returning
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import need_attention, newest_mailings
from worker.store.referrals import add_referral, referral_of
from worker.store.suppressions import reason_for
from worker.store.tables import suppressions
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.push_suppressions import push_suppressions
from worker.usecases.record_events import record_events
from worker.usecases.sync_suppressions import sync_suppressions
from worker.usecases.take_signups import take_signups

GLOBAL = "/v3/asm/suppressions/global/ada@example.com"
ASKED = "Please confirm that you want The Long Take"


def leave(post, address="ada@example.com"):
    """Leave by the newest mail's link; the page after it."""
    return post.client.post(post.link("u", address)).text


def push(post):
    push_suppressions(post.context.engine, post.context.lists, post.now)


def undo_path(page):
    found = re.search(r'action="(/b/[\w-]+)"', page)
    return found and found[1]


def test_who_left_comes_back_by_confirming_anew_and_sendgrid_lets_them_go(post):
    post.confirmed()
    post.later(hours=1)
    leave(post)
    push(post)
    assert post.room.suppressions.addresses("unsubscribes") == ["ada@example.com"]
    post.later(hours=1)
    post.sign_up()
    post.work()
    assert post.subjects()[-1] == ASKED  # past SendGrid's list, which would have dropped it
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED
    post.later(minutes=1)
    assert "You are in" in post.confirm().text
    assert post.suppressed() == {"ada@example.com": "unsubscribed"}  # until SendGrid has answered
    post.work()
    assert post.suppressed() == {}
    assert post.room.suppressions.addresses("unsubscribes") == []
    back = post.reader()
    assert (back.status, back.confirmed_at, back.unsubscribed_at) == (SubscriberStatus.CONFIRMED, post.now, None)
    assert "confirmed by the link in mail 3 at 2024-01-08 10:01 UTC" in back.consent
    assert len(post.mail()) == 3  # no second welcome
    mailing_id = planned_mailing(post.context.engine)
    assert len(start(post.context.engine, claim(post.context.engine, mailing_id)).recipients) == 1


@pytest.mark.parametrize("had_left", [False, True])
def test_who_was_erased_comes_back_by_signing_up_anew_and_nothing_holds_them(post, had_left):
    post.confirmed()
    post.later(hours=1)
    if had_left:
        leave(post)
        push(post)
    erase_subscriber(post.context.engine, "ada@example.com", post.now, post.context.lists)
    post.later(hours=1)
    post.sign_up()
    post.work()
    assert post.subjects()[-1] == ASKED
    assert "You are in" in post.confirm().text
    post.work()
    assert post.reader().status is SubscriberStatus.CONFIRMED
    assert post.suppressed() == {}
    assert post.room.suppressions.addresses("unsubscribes") == []
    with reading(post.context.engine) as connection:
        assert reason_for(connection, "ada@example.com") is None
    mailing_id = planned_mailing(post.context.engine)
    assert len(start(post.context.engine, claim(post.context.engine, mailing_id)).recipients) == 1


def test_who_reported_mail_and_was_erased_is_not_asked_again(post):
    post.confirmed()
    with writing(post.context.engine) as connection:
        make_suppression(connection, "ada@example.com", "complained", post.now)
    erase_subscriber(post.context.engine, "ada@example.com", post.now, post.context.lists)
    before = len(post.mail())
    post.later(hours=1)
    post.sign_up()
    post.work()
    assert len(post.mail()) == before


def test_an_imported_reader_who_left_and_confirms_is_welcomed_once(post):
    with writing(post.context.engine) as connection:
        make_subscriber(connection, address="ada@example.com", source="import:a.csv")
        make_suppression(connection, "ada@example.com", "unsubscribed", at=START - timedelta(days=9))
    for _ in range(2):
        post.sign_up()
        post.work()
        post.later(minutes=1)
        post.confirm()
        post.work()
        post.later(minutes=1)
        leave(post)
        post.later(minutes=1)
    assert post.subjects() == [ASKED, "Welcome to The Long Take", ASKED]


def test_a_confirmation_from_before_they_left_does_not_bring_them_back(post):
    post.confirmed()
    post.later(hours=1)
    leave(post)
    assert "from before you left" in post.client.get(post.link("c")).text
    assert "from before you left" in post.confirm().text
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED


def test_a_link_of_another_mail_confirms_nobody_who_left(post):
    reader = post.confirmed()
    post.later(hours=1)
    leave(post)
    for mailing_id in (0, 2, 99):
        path = post.context.signer.confirm_path(reader.id, mailing_id)
        assert "from before you left" in post.client.post(path).text


def test_nobody_is_mailed_while_sendgrid_does_not_answer_and_it_is_tried_again(post):
    post.confirmed()
    post.later(hours=1)
    leave(post)
    push(post)
    post.room.script_faults(faults.status(500).calling(GLOBAL), faults.dropped().calling(GLOBAL))
    post.later(hours=1)
    post.sign_up()
    post.work()
    post.confirm()
    post.work()
    assert post.suppressed() == {"ada@example.com": "unsubscribed"}
    push(post)  # must not put them back on it as an opt-out
    post.later(minutes=2)
    post.work()
    post.later(minutes=2)
    post.work()
    assert (post.suppressed(), post.room.suppressions.addresses("unsubscribes")) == ({}, [])


def test_the_daily_sync_in_between_does_not_take_the_return_back(post):
    post.confirmed()
    post.later(hours=1)
    leave(post)
    push(post)
    post.later(hours=1)
    post.sign_up()
    post.work()
    post.confirm()
    post.room.turn_clock(post.now.timestamp())
    sync_suppressions(post.context.engine, post.context.lists, post.now)
    assert post.reader().status is SubscriberStatus.CONFIRMED
    post.work()
    assert post.suppressed() == {}


@pytest.mark.parametrize("reason", ["bounced", "invalid", "manual", "complained"])
def test_what_is_learned_of_an_address_before_sendgrid_answered_is_not_lifted_with_the_old_no(post, reason):
    post.confirmed()
    post.later(hours=1)
    leave(post)
    post.later(hours=1)
    post.sign_up()
    post.work()
    post.confirm()
    post.later(seconds=5)
    with writing(post.context.engine) as connection:
        make_suppression(connection, "ada@example.com", reason, post.now)
    post.work()
    assert post.suppressed() == {"ada@example.com": reason}


def test_who_leaves_again_before_sendgrid_answered_has_left(post):
    post.confirmed()
    post.later(hours=1)
    leave(post)
    post.later(hours=1)
    post.sign_up()
    post.work()
    post.confirm()
    post.later(seconds=5)
    leave(post)
    post.work()
    assert post.suppressed() == {"ada@example.com": "unsubscribed"}
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED
    with reading(post.context.engine) as connection:
        assert not any_returning(connection)
        assert connection.execute(select(suppressions.c.pushed_at)).scalars().all() == [None]
    push(post)
    assert post.room.suppressions.addresses("unsubscribes") == ["ada@example.com"]


def test_the_page_after_leaving_takes_it_back_by_a_button_of_its_own(post):
    post.confirmed()
    post.later(hours=1)
    path = undo_path(leave(post))
    push(post)
    post.later(hours=23)
    assert "Undo" in post.client.get(path).text
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED
    for _ in range(2):
        assert "You are back" in post.client.post(path).text
    assert "You are back" in post.client.get(path).text
    post.work()
    assert (post.suppressed(), post.room.suppressions.addresses("unsubscribes")) == ({}, [])
    assert post.reader().status is SubscriberStatus.CONFIRMED
    assert "left 2024-01-08 09:00 UTC, undone on the page after leaving" in post.reader().consent
    assert len(post.mail()) == 2


@pytest.mark.parametrize("why", ["a day has passed", "another leaving", "a complaint", "the operator", "not whole"])
def test_a_leaving_is_not_taken_back_where(post, why):
    post.confirmed()
    post.later(hours=1)
    path = undo_path(leave(post))
    match why:
        case "a day has passed":
            post.later(hours=25)
        case "another leaving":
            post.client.post(path)
            post.work()
            post.later(hours=1)
            leave(post)
        case "a complaint":
            with writing(post.context.engine) as connection:
                make_suppression(connection, "ada@example.com", "complained", at=post.now)
        case "the operator":
            with writing(post.context.engine) as connection:
                connection.execute(suppressions.update().values(evidence="operator"))
        case "not whole":
            path = path[:-1]
    answer = post.client.post(path)
    assert answer.status_code == (404 if why == "not whole" else 200)
    page = post.client.get(path).text
    assert "You are back" not in answer.text + page
    assert undo_path(page) is None
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED


def test_the_links_in_a_mail_subscribe_nobody_who_left(post):
    """A forwarded letter carries them."""
    post.confirmed()
    post.later(hours=1)
    leave(post)
    for letter in "um":
        post.client.post(post.link(letter), data={"wants": "everything"})
        post.client.post("/b/" + post.link(letter)[3:])
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED


def test_leaving_by_a_forwarded_letter_once_more_offers_nobody_to_take_it_back(post):
    post.confirmed()
    post.later(hours=1)
    first = undo_path(leave(post))
    assert undo_path(leave(post)) == first  # a double click
    post.later(minutes=2)
    page = leave(post)
    assert ("You have left" in page, undo_path(page)) == (True, None)


def test_a_confirmation_brings_back_who_is_known_for_leaving_alone_though_the_forms_host_is_ahead(post):
    with writing(post.context.engine) as connection:
        make_suppression(connection, "ada@example.com", "unsubscribed", at=START - timedelta(days=9))
    post.later(seconds=2)
    post.sign_up()
    post.later(seconds=-2)
    post.work()
    post.later(minutes=1)
    assert "You are in" in post.confirm().text


def test_a_friend_who_comes_back_is_no_second_referral(post):
    with writing(post.context.engine) as connection:
        referrer = make_subscriber(connection, address="noor@example.com")
        friend = make_subscriber(connection, address="ada@example.com", joined_at=START)
        make_suppression(connection, "ada@example.com", "unsubscribed", at=START)
        other = make_subscriber(connection, address="bea@example.com")
        add_referral(connection, referrer.id, friend.id, START)
    post.later(hours=1)
    post.sign_up(r=other.referral_code)
    post.work()
    with reading(post.context.engine) as connection:
        assert referral_of(connection, friend.id).referrer_id == referrer.id


def test_two_jobs_at_once_ask_once(post):
    post.sign_up()
    post.sign_up()
    context = post.context
    first = take_signups(context.engine, context.signup_desk, post.now)
    assert (len(first), take_signups(context.engine, context.signup_desk, post.now)) == (1, [])


@pytest.mark.parametrize(("minutes", "status"), [(-30, "confirmed"), (1, "unsubscribed")])
def test_an_opt_out_that_sendgrid_tells_of_late_counts_only_if_it_is_newer_than_their_yes(post, minutes, status):
    post.confirmed()
    post.later(hours=1)
    leave(post)
    post.later(hours=1)
    post.sign_up()
    post.work()
    post.confirm()
    post.work()
    at = post.now + timedelta(minutes=minutes)
    told = Event(EventType.UNSUBSCRIBED, at, "ada@example.com", "e1", "sg1", None, None)
    record_events(post.context.engine, [told], post.now)
    assert post.reader().status == status


def test_confirmations_and_welcomes_do_not_hide_the_letters_from_an_operator(post):
    mailing_id = planned_mailing(post.context.engine)
    post.confirmed()
    with reading(post.context.engine) as connection:
        assert [one.id for one in newest_mailings(connection, 20)] == [mailing_id]
    with writing(post.context.engine) as connection:
        need_attention(connection, mailing_id + 1, "its text is gone")
    with reading(post.context.engine) as connection:
        assert [one.id for one in newest_mailings(connection, 20)] == [mailing_id + 1, mailing_id]


def test_an_old_opt_out_told_late_does_not_make_an_old_confirmation_newer_than_their_leaving(post):
    """They left, came back, and left again; SendGrid tells of the first time after that."""
    post.confirmed()
    first = post.later(hours=1) or post.now
    leave(post)
    post.later(hours=1)
    post.sign_up()
    post.work()
    post.later(minutes=1)
    post.confirm()
    post.work()
    post.later(hours=1)
    leave(post)
    told = Event(EventType.UNSUBSCRIBED, first, "ada@example.com", "e1", "sg1", None, None)
    record_events(post.context.engine, [told], post.now)
    assert "from before you left" in post.confirm().text
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED
