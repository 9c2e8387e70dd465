"""A stranger with a browser and no mouse signs up, confirms, reads, takes a pause, leaves, stays after all, leaves, comes back.

The Procfile's processes on free ports and a mailroom; what arrives there is what the links are taken from.
"""

import pytest

from tests.support.hand import Hand
from tests.support.makers import make_subscriber
from tests.support.town import SECRET, built_town
from tests.support.waiting import until
from worker.render.links import Signer
from worker.store.engine import writing

ADA = "ada@example.com"
ASKED, WELCOME = "Please confirm that you want The Long Take", "Welcome to The Long Take"


@pytest.fixture
def town(tmp_path, sqlite_url, valkey_url):
    with built_town(tmp_path, sqlite_url, valkey_url) as built:
        yield built


@pytest.fixture(params=["light", "dark"])
def browser(chromium, request):
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 360, "height": 740})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def hand(browser, town, npm_packages):
    axe = (npm_packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    return Hand(browser.new_page(), town.url, axe)


def sign_up(hand):
    hand.go("/subscribe")
    hand.to("Your mail address").type(ADA).press()
    assert hand.title == "Look into your inbox"


@pytest.mark.timeout(300)
def test_a_reader_comes_reads_pauses_leaves_stays_leaves_and_comes_back_by_keyboard_alone(hand, town):
    hand.go("/subscribe")
    hand.to("Your mail address").type("nobody").press()
    assert "no mail address" in hand.said
    sign_up(hand)
    links = town.mail([ASKED], ADA)
    hand.go(links["/c"])
    assert town.reader(ADA).status == "pending"
    hand.to("What may we call you?").type("Ada").press()
    assert hand.title == "You are in"
    assert (town.reader(ADA).status, town.reader(ADA).name) == ("confirmed", "Ada")
    links = town.mail([ASKED, WELCOME], ADA)

    hand.go(links["/m"])
    hand.to("Everything").press_down()
    hand.to("Save").press()
    assert "hear of launches alone" in hand.said
    assert town.reader(ADA).wants == "launches"
    hand.to("Undo").press()
    assert town.reader(ADA).wants == "everything"

    hand.to("Unsubscribe").press()
    assert hand.title.startswith("You have left")
    assert town.reader(ADA).status == "unsubscribed"
    hand.to("Undo").press()
    assert hand.title == "You are back"
    until(lambda: town.reader(ADA).status == "confirmed", what="the reader back")
    hand.go(links["/u"])
    hand.to("Unsubscribe").press()
    hand.go(links["/m"])
    assert "You have left" in hand.said

    sign_up(hand)
    links = town.mail([ASKED, WELCOME, ASKED], ADA)
    hand.go(links["/c"])
    hand.to("Yes, subscribe me").press()
    assert town.reader(ADA).status == "confirmed"
    until(lambda: "from the next letter" not in _own_page(hand, town), what="SendGrid's list letting them go")


def _own_page(hand, town):
    hand.go(Signer(SECRET).manage_path(town.reader(ADA).id))
    return hand.said


def test_pages_that_say_no_are_as_good_as_those_that_say_yes(hand, town):
    with writing(town.engine) as connection:
        left = make_subscriber(connection, "paid", suppressed="unsubscribed")
        angry = make_subscriber(connection, "paid", suppressed="complained")
        gone = make_subscriber(connection, suppressed="bounced")
        waits = make_subscriber(connection, status="pending")
        pays = make_subscriber(connection, "paid", name="Noor Haddad")
    signer = Signer(SECRET)
    for reader, words in ((left, "You have left"), (angry, "reported as spam"), (gone, "came back"), (waits, "confirmed yet"), (pays, "payment")):  # fmt: skip
        hand.go(signer.manage_path(reader.id))
        assert words in hand.said
    for reader, words in ((left, "before you left"), (gone, "came back"), (waits, "One more press"), (pays, "nothing left to confirm")):  # fmt: skip
        hand.go(signer.confirm_path(reader.id))
        assert words in hand.said
    hand.go(f"/r/{pays.referral_code}")
    assert "A reader recommends" in hand.said
    hand.go(signer.undo_path(left.id, left.joined_at))
    hand.go("/c/damaged")
    assert "not whole" in hand.said
