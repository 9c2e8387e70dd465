"""Signing up: the form, one confirmation, the button, one welcome. Nothing before the button but the question itself."""

import contextlib

import pytest
from sqlalchemy import func, select

from tests.support.commands import copy_project
from tests.support.makers import make_subscriber, make_suppression
from tests.support.sending import SECRET
from tests.support.staging import Beside
from worker.domain.mailing import MailingStatus
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.errors import SourceError
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import list_mailings, resume_mailing
from worker.store.referrals import referral_of
from worker.store.signups import waiting_signups
from worker.store.subscribers import update_subscriber
from worker.store.tables import mailings, signups, subscribers
from worker.usecases import take_signups as taking
from worker.usecases.take_signups import signups_due, take_signups


def test_a_stranger_becomes_a_reader_by_form_and_button_and_gets_two_mails(post):
    answer = post.sign_up("Ada@Example.com", name="Ada Moreno")
    assert (answer.status_code, "Look into your inbox" in answer.text) == (200, True)
    post.work()
    pending = post.reader()
    assert (pending.status, pending.confirmed_at, pending.source) == (SubscriberStatus.PENDING, None, "form")
    assert post.subjects() == ["Please confirm that you want The Long Take"]
    post.later(minutes=3)
    assert "You are in" in post.confirm().text
    post.work()
    reader = post.reader()
    assert (reader.status, reader.confirmed_at) == (SubscriberStatus.CONFIRMED, post.now)
    assert post.subjects()[1:] == ["Welcome to The Long Take"]
    assert reader.consent == (
        "asked 2024-01-08 08:00 UTC on a form elsewhere; confirmed by the link in mail 1 at 2024-01-08 08:03 UTC"
    )


def test_both_mails_have_plain_text_a_way_out_and_no_word_of_the_strangers_before_the_button(post):
    post.sign_up(name="Win at spam.example", r="<b>spam.example</b>")
    post.work()
    post.confirm(name="Ada")
    post.work()
    asked, welcome = post.mail()
    assert "spam" not in asked["text"] + asked["html"] + asked["subject"]
    assert "Hello Ada," in welcome["text"]
    for one in (asked, welcome):
        assert one["text"].strip()
        assert one["html"].strip()
        headers = {name.lower(): value for name, value in one["headers"].items()}
        assert headers["list-unsubscribe"].startswith("<https://letters.example.com/u/")
        assert headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


def test_a_paying_reader_is_welcomed_in_their_own_words(post):
    post.sign_up()
    post.work()
    with writing(post.context.engine) as connection:
        update_subscriber(connection, post.reader().id, {"plan": Plan.PAID})
    post.confirm()
    post.work()
    assert post.subjects()[-1] == "Welcome, and thank you for paying for this"
    assert "the comments" in post.mail()[-1]["text"]


def test_the_free_welcome_holds_nothing_of_the_paid_one(post):
    post.confirmed()
    welcome = post.mail()[-1]
    assert "worksheet" not in welcome["text"] + welcome["html"]


def test_opening_the_link_three_times_confirms_nobody_and_the_button_does_within_the_same_second(post):
    post.sign_up()
    post.work()
    for method in ("GET", "HEAD") * 3:
        assert post.client.open(post.link("c"), method=method).status_code == 200
    assert post.reader().status is SubscriberStatus.PENDING
    post.confirm()
    assert post.reader().status is SubscriberStatus.CONFIRMED


def test_pressing_again_is_answered_kindly_and_welcomes_nobody_twice(post):
    post.sign_up()
    post.work()
    for _ in range(3):
        assert post.confirm().status_code == 200
        post.work()
    assert len(post.mail()) == 2
    assert "nothing left to confirm" in post.client.get(post.link("c")).text


def test_fifty_sign_ups_make_one_confirmation(post):
    for _ in range(50):
        assert post.sign_up().status_code == 200
    post.work()
    assert len(post.mail()) == 1


def test_an_unanswered_confirmation_may_be_asked_for_again_after_a_while_and_five_times_a_day(post):
    for _ in range(9):
        post.sign_up()
        post.work()
        post.later(minutes=5)
    assert len(post.mail()) == 5
    post.later(days=1)
    post.sign_up()
    post.work()
    assert len(post.mail()) == 6


def test_a_network_asks_twenty_times_an_hour_and_no_more(post):
    for number in range(30):
        post.sign_up(f"r{number}@example.com", network=f"198.51.100.{number}")
    post.sign_up("else@example.com", network="203.0.113.9")
    post.work()
    with reading(post.context.engine) as connection:
        assert connection.execute(select(func.count()).select_from(subscribers)).scalar_one() == 21
    post.later(hours=1)
    post.sign_up("late@example.com")
    post.work()
    assert len(post.mail("late@example.com")) == 1


def test_a_day_has_an_end_for_all_networks_together(make_post, sqlite_url):
    post = make_post(sqlite_url, signup_per_day=3)
    for number in range(6):
        assert "Look into your inbox" in post.sign_up(f"r{number}@example.com", network=f"203.0.{number}.1").text
    post.work()
    assert [len(post.mail(f"r{number}@example.com")) for number in range(6)] == [1, 1, 1, 0, 0, 0]


def test_one_network_that_asks_too_often_takes_nobody_elses_day(make_post, sqlite_url):
    post = make_post(sqlite_url, signup_per_day=4, signup_per_network=2)
    for number in range(9):
        post.sign_up(f"r{number}@example.com")
    post.sign_up("ada@example.com", network="203.0.113.9")
    post.work()
    assert len(post.mail()) == 1


def test_who_fills_in_the_field_that_nobody_sees_is_answered_as_everybody_is_and_not_taken(post):
    answer = post.sign_up(homepage="https://spam.example")
    assert answer.data == post.sign_up("bea@example.com").data
    with reading(post.context.engine) as connection:
        assert connection.execute(select(signups.c.address)).scalars().all() == ["bea@example.com"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "a b@example.com",
        "ada@example",
        "x" * 400 + "@example.com",
        "ada@example.com\0",
        "ada@exa\nmple.com",
        "<script>@example.com",
    ],
)
def test_what_is_no_address_is_said_to_be_none_beside_the_field(post, address):
    answer = post.sign_up(address)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "<script" not in answer.text
    post.work()
    with reading(post.context.engine) as connection:
        assert connection.execute(select(subscribers)).all() == []


def test_signing_up_again_changes_nothing_about_a_confirmed_reader(post):
    with writing(post.context.engine) as connection:
        make_subscriber(connection, "paid", address="ada@example.com", name="Ada Moreno")
    before = post.reader()
    post.sign_up("ADA@example.com ", name="Somebody Else", r="abcd2345")
    post.work()
    assert post.reader() == before
    assert post.mail() == []


@pytest.mark.parametrize("reason", ["complained", "bounced", "invalid", "manual"])
def test_who_complained_or_bounced_is_not_asked_again_by_anybodys_form(post, reason):
    with writing(post.context.engine) as connection:
        make_subscriber(connection, address="ada@example.com", suppressed=reason)
        make_suppression(connection, "nobody@example.com", reason)
    for address in ("ada@example.com", "nobody@example.com"):
        post.sign_up(address)
    post.work()
    assert post.mail() + post.mail("nobody@example.com") == []
    assert post.suppressed() == {"ada@example.com": reason, "nobody@example.com": reason}


def test_the_newest_sign_up_of_a_pending_reader_says_who_they_are(post):
    post.sign_up(name="Rude Words")
    post.work()
    post.later(minutes=11)
    post.sign_up(name="Ada Moreno", own="1")
    post.work()
    assert post.reader().name == "Ada Moreno"
    assert post.reader().consent == "asked 2024-01-08 08:11 UTC on https://letters.example.com/subscribe"
    post.confirm(name="Ada M.\r\nBcc: x")
    assert post.reader().name == "Ada M. Bcc: x"


def test_a_friends_code_travels_with_the_form_and_counts_once_they_confirm(post):
    with writing(post.context.engine) as connection:
        referrer = make_subscriber(connection, name="Noor Haddad", address="noor@example.com")
    page = post.client.get(f"/r/{referrer.referral_code}").text
    assert "A reader recommends" in page
    assert f'name="r" value="{referrer.referral_code}"' in page
    assert (
        f'name="r" value="{referrer.referral_code}"' in post.client.get(f"/subscribe?r={referrer.referral_code}").text
    )
    post.sign_up(r=referrer.referral_code)
    post.work()
    friend = post.reader()
    with reading(post.context.engine) as connection:
        found = referral_of(connection, friend.id)
    assert (found.referrer_id, found.confirmed_at) == (referrer.id, None)
    post.confirm()
    with reading(post.context.engine) as connection:
        assert referral_of(connection, friend.id).confirmed_at == post.now


def test_a_reader_who_refuses_by_the_confirmations_own_link_is_left_alone_for_a_month(post):
    post.sign_up()
    post.work()
    post.client.post(post.link("u"))
    for _ in range(3):
        post.later(days=5)
        post.sign_up()
        post.work()
    assert len(post.mail()) == 1
    post.later(days=20)
    post.sign_up()
    post.work()
    assert len(post.mail()) == 2


def test_a_confirmation_is_not_sent_to_who_confirmed_meanwhile(post):
    post.sign_up()
    post.work()
    post.later(minutes=11)
    post.sign_up()
    context = post.context
    take_signups(context.engine, context.signup_desk, post.now)  # the second confirmation is owed ...
    post.confirm()  # ... and the first is answered
    post.work()
    assert post.subjects() == ["Please confirm that you want The Long Take", "Welcome to The Long Take"]
    with reading(context.engine) as connection:
        kinds = connection.execute(select(mailings.c.key, mailings.c.audience).order_by(mailings.c.id)).all()
    assert [tuple(row) for row in kinds] == [("confirmation:1:1", 1), ("confirmation:1:2", 0), ("welcome:1", 1)]


def test_a_job_that_dies_takes_no_sign_up_with_it(post, monkeypatch):
    post.sign_up()
    post.sign_up("bea@example.com")
    context = post.context

    def die(*_):
        raise SystemExit

    monkeypatch.setattr(taking, "create_mailing", die)
    with pytest.raises(SystemExit):
        take_signups(context.engine, context.signup_desk, post.now)
    monkeypatch.undo()
    with reading(context.engine) as connection:
        assert connection.execute(select(func.count()).select_from(signups)).scalar_one() == 2
        assert connection.execute(select(subscribers)).all() == []
    post.work()
    assert len(post.mail()) == len(post.mail("bea@example.com")) == 1


def test_behind_a_proxy_each_reader_counts_for_their_own_network(make_post, sqlite_url):
    post = make_post(sqlite_url, signup_per_network=2, trusted_proxies="203.0.113.0/24")
    for number in range(6):
        hops = f"8.8.8.8, 9.9.{number // 3}.9, 203.0.113.5"
        post.client.post(
            "/subscribe",
            data={"address": f"r{number}@example.com"},
            headers={"X-Forwarded-For": hops},
            environ_base={"REMOTE_ADDR": "127.0.0.1"},
        )
    with reading(post.context.engine) as connection:
        assert connection.execute(select(func.count()).select_from(signups)).scalar_one() == 4


def test_jobs_at_the_same_moment_ask_everybody_once(post):
    addresses = [f"r{number}@example.com" for number in range(8)]
    for address in (*addresses, *addresses):
        post.sign_up(address)
    context = post.context
    jobs = [Beside(lambda: take_signups(context.engine, context.signup_desk, post.now)) for _ in range(4)]
    due = [one.mailing_id for job in jobs for one in job.result() if one.job == "plan_mailing"]
    assert len(due) == len(set(due)) == 8
    post.work()
    assert [len(post.mail(address)) for address in addresses] == [1] * 8


def test_links_in_old_mail_work_after_the_key_was_changed(make_post, sqlite_url):
    post = make_post(sqlite_url)
    post.confirmed()
    old = {letter: post.link(letter) for letter in "umc"}
    renewed = make_post(sqlite_url, secret_key="n" * 40, secret_key_before=SECRET)
    assert "What shall come?" in renewed.client.get(old["m"]).text
    assert "nothing left to confirm" in renewed.client.get(old["c"]).text
    assert "You have left" in renewed.client.post(old["u"]).text
    assert renewed.reader().status is SubscriberStatus.UNSUBSCRIBED
    forgotten = make_post(sqlite_url, secret_key="n" * 40)
    assert forgotten.client.get(old["m"]).status_code == 404


def test_sign_ups_wait_while_the_text_is_missing_and_are_asked_once_it_is_there(make_post, sqlite_url, tmp_path):
    (tmp_path / "project").mkdir()
    project = copy_project(tmp_path / "project")
    post = make_post(sqlite_url, project=project)
    text = project / "content" / "notices" / "confirmation.md"
    kept = text.read_bytes()
    text.unlink()
    addresses = [f"r{number}@example.com" for number in range(5)]
    for address in addresses:
        post.sign_up(address)
        with contextlib.suppress(SourceError):
            post.work()
    with reading(post.context.engine) as connection:
        paused = [one.id for one in list_mailings(connection, [MailingStatus.PAUSED])]
        assert (len(paused), len(waiting_signups(connection, 9)), signups_due(connection)) == (3, 2, [])
    text.write_bytes(kept)
    with writing(post.context.engine) as connection:
        assert all(resume_mailing(connection, mailing_id) for mailing_id in paused)
    post.work()
    assert [len(post.mail(address)) for address in addresses] == [1] * 5
