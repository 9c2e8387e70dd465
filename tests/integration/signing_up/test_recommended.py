"""Coming by a reader's link: the first valid code counts, for thirty days, however the tab was closed in between."""

import pytest

from tests.support.makers import make_subscriber
from tests.support.referring import counted, verify
from worker.domain.mailing import MailingKind
from worker.domain.milestone import ReferralRules
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import list_mailings
from worker.store.referrals import referral_of
from worker.store.subscribers import by_id
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.merge_subscribers import merge_subscribers
from worker.web.attribution import COOKIE


@pytest.fixture
def noor(post):
    with writing(post.context.engine) as connection:
        return make_subscriber(connection, name="Noor Haddad", address="noor@example.com")


@pytest.fixture
def kim(post):
    with writing(post.context.engine) as connection:
        return make_subscriber(connection, name="Kim Oh", address="kim@example.com")


def follow(post, reader):
    return post.client.get(f"/r/{reader.referral_code}")


def brought_by(post, address="ada@example.com"):
    post.work()
    with reading(post.context.engine) as connection:
        found = referral_of(connection, post.reader(address).id)
    return found and found.referrer_id


def test_a_browser_keeps_the_link_it_followed_signed_and_out_of_scripts_reach(post, noor):
    [kept] = follow(post, noor).headers.getlist("Set-Cookie")
    assert kept.startswith(f"{COOKIE}=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000", "Secure"):
        assert part in kept.split("; ")
    assert "Domain" not in kept


def test_who_closes_the_tab_and_comes_back_another_day_by_themselves_is_still_a_friend(post, noor):
    follow(post, noor)
    post.later(days=29)
    post.sign_up()
    assert brought_by(post) == noor.id


def test_after_thirty_days_nobody_brought_them(post, noor):
    follow(post, noor)
    post.later(days=30, seconds=1)
    post.sign_up()
    assert brought_by(post) is None


def test_the_first_link_counts_over_a_later_one_and_over_that_ones_form(post, noor, kim):
    follow(post, noor)
    assert "Set-Cookie" not in follow(post, kim).headers
    post.sign_up(r=kim.referral_code)
    assert brought_by(post) == noor.id


def test_without_a_kept_link_the_forms_code_counts(post, kim):
    post.sign_up(r=kim.referral_code)
    assert brought_by(post) == kim.id


def test_a_link_that_was_passed_on_before_two_records_were_merged_is_the_readers_still(post, noor, kim):
    merge_subscribers(post.context.engine, "noor@example.com", "kim@example.com", "Europe/Lisbon", post.now, None)
    assert "recommends" in follow(post, noor).text
    post.sign_up()
    assert brought_by(post) == kim.id
    post.sign_up("bea@example.com", r=noor.referral_code)
    assert brought_by(post, "bea@example.com") == kim.id
    erase_subscriber(post.context.engine, "kim@example.com", post.now, post.context.lists)
    for gone in (noor, kim):
        assert follow(post, gone).status_code == 404


def test_a_link_of_somebody_who_was_erased_since_gives_way_to_the_next(post, noor, kim):
    follow(post, noor)
    erase_subscriber(post.context.engine, "noor@example.com", post.now, post.context.lists)
    post.sign_up("first@example.com", r=kim.referral_code)
    assert brought_by(post, "first@example.com") == kim.id
    assert "Set-Cookie" in follow(post, kim).headers


@pytest.mark.parametrize("forged", ["", "x", "q7w2m4kz", "AAAA", "a" * 3000])
def test_a_forged_cookie_is_no_link(post, kim, forged):
    post.client.set_cookie(COOKIE, forged)
    post.sign_up(r=kim.referral_code)
    assert brought_by(post) == kim.id


def test_the_page_with_a_code_in_its_address_keeps_it_too_and_an_unknown_one_is_not_kept(post, noor):
    assert "Set-Cookie" not in post.client.get("/subscribe?r=nobodys").headers
    assert "Set-Cookie" not in post.client.get("/subscribe").headers
    assert "Set-Cookie" in post.client.get(f"/subscribe?r={noor.referral_code}").headers


def test_a_friend_is_told_that_somebody_brought_them_and_not_who(post, noor):
    follow(post, noor)
    post.sign_up()
    post.work()
    post.confirm()
    post.work()
    welcome = post.mail()[-1]
    assert "passed it on to you" in welcome["text"]
    assert "Noor" not in welcome["text"] + welcome["html"]


def test_who_came_by_themselves_is_told_nothing_of_the_kind(post):
    post.confirmed()
    assert "passed it on to you" not in post.mail()[-1]["text"]
    with reading(post.context.engine) as connection:
        kinds = [one.kind for one in list_mailings(connection)]
    assert MailingKind.WELCOME in kinds


def test_a_friend_from_the_referrers_own_network_that_day_waits_for_a_look(post):
    noor = post.confirmed("noor@example.com")
    for address, network in (("ada@example.com", "198.51.100.9"), ("bea@example.com", "203.0.113.9")):
        post.sign_up(address, network, r=noor.referral_code)
        post.work()
        post.confirm(address)
    verify(post.context.engine, at=post.now)
    with reading(post.context.engine) as connection:
        found = [referral_of(connection, post.reader(one).id) for one in ("ada@example.com", "bea@example.com")]
    assert [(one.state, one.reason) for one in found] == [("review", "same network"), ("verified", "")]


def test_of_ten_friends_from_one_network_within_an_hour_most_wait_for_a_look(post, noor):
    for number in range(10):
        address = f"friend{number}@example.com"
        post.client.delete_cookie(COOKIE)
        post.sign_up(address, "198.51.100.9", r=noor.referral_code)
        post.work()
        post.confirm(address)
        verify(post.context.engine, at=post.now)
        post.later(minutes=2)
    assert counted(post.context.engine, noor) == ReferralRules().per_network


def test_a_returning_reader_is_nobody_new(post, noor):
    ada = post.confirmed()
    post.client.post(post.link("u"))
    post.later(days=1)
    post.sign_up(r=noor.referral_code)
    assert brought_by(post) is None
    with reading(post.context.engine) as connection:
        assert by_id(connection, ada.id).status == "unsubscribed"
