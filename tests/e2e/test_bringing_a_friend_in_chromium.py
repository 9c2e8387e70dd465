"""A reader passes her link on; a friend follows it in a browser of their own, closes it, comes back and confirms; she is thanked.

Two profiles that know nothing of each other. The Procfile's processes do the rest, on the sample texts with their waits cut.
"""

import re
import urllib.request

import pytest
from sqlalchemy import select

from tests.support.hand import Hand
from tests.support.mailroom import messages_to
from tests.support.town import built_town
from worker.domain.referral import ReferralState
from worker.store.engine import reading
from worker.store.tables import referrals

ADA, BEA = "ada@example.com", "bea@example.com"
ASKED, WELCOME = "Please confirm that you want The Long Take", "Welcome to The Long Take"
THANKS, EARNED = "Somebody is reading this because of you", "Something for you, with thanks"
BROUGHT = "passed it on to you"
FRIEND = "Xiomara"  # no part of any other word, or of a link


def at_once(project):
    """A friend counts when they confirm, and what follows goes at once, by night too."""
    content = project / "content"
    for name, was, becomes in (
        ("publication.toml", "days = 3 ", "days = 0 "),
        ("sequences/referral/01-first-referral.md", "when: 1 day after verified, at 09:00", "when: at once after verified"),
        ("sequences/friends-milestone/01-it-is-yours.md", "when: 10 minutes after", "when: at once after"),
    ):  # fmt: skip
        text = (content / name).read_text(encoding="utf-8")
        assert was in text
        (content / name).write_text(text.replace(was, becomes), encoding="utf-8")
    with (content / "publication.toml").open("a", encoding="utf-8") as file:
        file.write('\n[followups]\nnight = "none"\nhours_between = 0\nhours_from_issue = 0\n')


@pytest.fixture
def town(tmp_path, sqlite_url, valkey_url):
    with built_town(tmp_path, sqlite_url, valkey_url, at_once) as built:
        yield built


@pytest.fixture
def profile(chromium, town, npm_packages):
    """Opens a browser that has its own cookies and comes from its own network."""
    axe = (npm_packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    contexts = []

    def open_profile(network, scheme):
        contexts.append(
            chromium.new_context(
                color_scheme=scheme,
                viewport={"width": 360, "height": 740},
                accept_downloads=True,
                extra_http_headers={"X-Forwarded-For": network},  # as a proxy on this machine says it
            )
        )
        contexts[-1].set_default_timeout(15_000)
        return Hand(contexts[-1].new_page(), town.url, axe)

    yield open_profile
    for context in contexts:
        context.close()


def sign_up(hand, address):
    hand.to("Your mail address").type(address).press()
    assert hand.title == "Look into your inbox"


def scan(town, address):
    """What a mail provider's scanner does with every link that came."""
    for mail in messages_to(town.room, address):
        for url in set(re.findall(rf'{town.url}/[^\s"<>)]+', mail["text"] + mail["html"])):
            for method in ("GET", "HEAD", "GET"):
                with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
                    assert answer.status == 200


def brought(town):
    with reading(town.engine) as connection:
        query = select(referrals.c.referrer_id, referrals.c.referred_id, referrals.c.state)
        return [tuple(row) for row in connection.execute(query)]


@pytest.mark.timeout(300)
def test_a_friend_of_a_reader_joins_and_the_reader_is_thanked(town, profile):
    ada = profile("198.51.100.7", "light")
    ada.go("/subscribe")
    sign_up(ada, ADA)
    ada.go(town.mail([ASKED], ADA)["/c"])
    ada.to("What may we call you?").type("Ada").press()
    ada.go(town.mail([ASKED, WELCOME], ADA)["/m"])
    ada.to("Your friends").press()
    assert ada.title == "Your friends"
    assert "0 friends read" in ada.said
    link = ada.page.get_by_label(re.compile("^Copy it")).input_value().removeprefix(town.url)

    bea = profile("203.0.113.9", "dark")
    bea.go(link)
    assert bea.title == "A reader recommends The Long Take"
    bea.page.close()
    bea.page = bea.page.context.new_page()
    bea.go("/subscribe")  # without a code in the address: what the browser kept must do
    sign_up(bea, BEA)
    links = town.mail([ASKED], BEA)
    scan(town, BEA)
    assert [state for *_, state in brought(town)] == [ReferralState.PENDING]
    assert "0 friends read" in look_again(ada)
    bea.go(links["/c"])
    bea.to("What may we call you?").type(FRIEND).press()
    town.mail([ASKED, WELCOME], BEA)
    assert BROUGHT in messages_to(town.room, BEA)[-1]["text"]

    links = town.links(THANKS, ADA)
    assert links["/r"] == link
    town.links(EARNED, ADA)
    scan(town, ADA)
    assert brought(town) == [(town.reader(ADA).id, town.reader(BEA).id, ReferralState.VERIFIED)]
    said = look_again(ada)
    assert "1 friend reads" in said
    assert FRIEND not in said
    assert BEA not in said
    with ada.page.expect_download() as waits:
        ada.to("Fetch the file").page.keyboard.press("Enter")
    assert waits.value.suggested_filename == "field-guide-to-quiet-weeks.txt"
    come = [one["subject"] for one in messages_to(town.room, ADA)]
    assert sorted(come) == sorted([ASKED, WELCOME, THANKS, EARNED])
    assert all(FRIEND not in one["text"] + one["html"] for one in messages_to(town.room, ADA))
    assert "Ada" not in messages_to(town.room, BEA)[-1]["text"]


def look_again(hand):
    hand.page.reload()
    hand.look()
    return hand.said
