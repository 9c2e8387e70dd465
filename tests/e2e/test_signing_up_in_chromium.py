"""A stranger with a browser and no mouse signs up, confirms, reads, takes a pause, leaves, stays after all, leaves, comes back.

The Procfile's processes on free ports and a mailroom; what arrives there is what the links are taken from.
"""

import re
from contextlib import ExitStack

import pytest

from tests.support.commands import copy_project
from tests.support.mailroom import messages_to
from tests.support.makers import make_subscriber
from tests.support.processes import Process
from tests.support.waiting import until
from worker.embedded.supervisor import free_port
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.render.links import Signer
from worker.store.engine import open_engine, reading, writing
from worker.store.subscribers import by_address_key
from worker.web.attribution import COOKIE

SECRET = "a secret of at least thirty-two letters"
ADA = "ada@example.com"
ASKED, WELCOME = "Please confirm that you want The Long Take", "Welcome to The Long Take"
AXE = """async () => {
  const found = await axe.run(document);
  return { passes: found.passes.length, violations: found.violations.map(v =>
    `${v.id} (${v.impact}): ${v.nodes.map(n => n.html.slice(0, 200) + ' ' + (n.failureSummary || '')).join(' | ')}`) };
}"""
WHERE = "() => (document.activeElement.labels?.[0] || document.activeElement).innerText.trim()"


class Town:
    """One installation: where its pages are, its database, and its mailroom."""

    def __init__(self, url, engine, room):
        self.url, self.engine, self.room = url, engine, room

    def mail(self, subjects, address=ADA):
        """Wait until exactly these have come; the newest one's links by their letter, as paths."""

        def come():
            found = [one["subject"] for one in messages_to(self.room, address)]
            return found == list(subjects)

        until(come, seconds=60, what=f"{subjects} in the mailroom")
        newest = messages_to(self.room, address)[-1]
        return dict(re.findall(rf"{self.url}(?=(/\w)/)(/\w/[\w%-]+)", newest["text"]))

    def reader(self, address=ADA):
        with reading(self.engine) as connection:
            return by_address_key(connection, address)


@pytest.fixture
def town(tmp_path, sqlite_url, valkey_url):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        room = stack.enter_context(Mailroom(MailroomOptions(keep=tmp_path / "mailroom")))
        project = tmp_path / "project"
        project.mkdir()
        copy_project(
            project,
            database_url=sqlite_url,
            redis_url=valkey_url,
            base_url=url,
            web_port=port,
            secret_key=SECRET,
            sendgrid_api_key="SG.invented.for-the-tests",
            sendgrid_api_url=room.url,
            tick_seconds=0.5,
        )
        engine = open_engine(sqlite_url)
        stack.callback(engine.dispose)
        started = []
        for name, words in {"web": ["web"], "prompt": ["work", "prompt"], "clock": ["clock"]}.items():
            started.append(Process(tmp_path / name, *words, "--project", project))
            stack.callback(started[-1].close)
        started[0].await_words("web listens")
        yield Town(url, engine, room)
        for process in started:
            process.interrupt()
            process.wait(30)


@pytest.fixture(params=["light", "dark"])
def browser(chromium, request):
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 360, "height": 740})
    context.set_default_timeout(15_000)
    yield context
    context.close()


class Hand:
    """A keyboard on one page. Each page it comes to is looked at by axe, for its width, and for cookies."""

    def __init__(self, page, url, axe):
        self.page, self.url, self._axe = page, url, axe

    def go(self, path):
        self.page.goto(self.url + path)
        self.look()

    def look(self):
        page = self.page
        page.wait_for_load_state()
        page.evaluate(self._axe)
        found = page.evaluate(AXE)
        assert found["violations"] == [], page.url
        assert found["passes"] > 10
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert {one["name"] for one in page.context.cookies()} <= {COOKIE}  # who brought them, and nothing else
        assert page.get_by_role("heading", level=1).count() == 1

    def to(self, words):
        """Tab until what has the focus is called so."""
        for _ in range(12):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(WHERE).startswith(words):
                return self
        raise AssertionError(f"no way by Tab to {words!r} on {self.page.url}")

    def type(self, text):
        self.page.keyboard.type(text)
        return self

    def press_down(self):
        """The next one of a group of radio buttons."""
        self.page.keyboard.press("ArrowDown")
        return self

    def press(self, key="Enter"):
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
        self.look()

    @property
    def title(self):
        return self.page.get_by_role("heading", level=1).inner_text()

    @property
    def said(self):
        return self.page.get_by_role("main").inner_text()


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
    links = town.mail([ASKED])
    hand.go(links["/c"])
    assert town.reader().status == "pending"
    hand.to("What may we call you?").type("Ada").press()
    assert hand.title == "You are in"
    assert (town.reader().status, town.reader().name) == ("confirmed", "Ada")
    links = town.mail([ASKED, WELCOME])

    hand.go(links["/m"])
    hand.to("Everything").press_down()
    hand.to("Save").press()
    assert "hear of launches alone" in hand.said
    assert town.reader().wants == "launches"
    hand.to("Undo").press()
    assert town.reader().wants == "everything"

    hand.to("Unsubscribe").press()
    assert hand.title.startswith("You have left")
    assert town.reader().status == "unsubscribed"
    hand.to("Undo").press()
    assert hand.title == "You are back"
    until(lambda: town.reader().status == "confirmed", what="the reader back")
    hand.go(links["/u"])
    hand.to("Unsubscribe").press()
    hand.go(links["/m"])
    assert "You have left" in hand.said

    sign_up(hand)
    links = town.mail([ASKED, WELCOME, ASKED])
    hand.go(links["/c"])
    hand.to("Yes, subscribe me").press()
    assert town.reader().status == "confirmed"
    until(lambda: "from the next letter" not in _own_page(hand, town), what="SendGrid's list letting them go")


def _own_page(hand, town):
    hand.go(Signer(SECRET).manage_path(town.reader().id))
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
