"""A reader applies to a launch in a browser and gets no reminder; a scanner that follows every link converts nobody; another
reader hears no more of it and takes that back. And the report, as it is read on a phone and in the dark."""

import re
import urllib.request
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from sqlalchemy import select

from tests.e2e.conftest import SECRET
from tests.e2e.test_reader_pages import WEAK_TEXT
from tests.support.certificates import make_certificate
from tests.support.ledger import make_mailing, plan
from tests.support.makers import make_subscriber
from tests.support.rendering import PROJECT
from worker import sources
from worker.domain.calendar import wall_time
from worker.domain.launch_report import LaunchReport, People, Told
from worker.domain.mailing import MailingKind
from worker.domain.subscriber import Plan
from worker.render.launch_page import launch_page
from worker.render.links import Signer
from worker.store.engine import reading, writing
from worker.store.launches import has_muted
from worker.store.tables import deliveries, exclusions, launch_conversions

LAUNCH = "producer-groups"
NOW = datetime.now(UTC)
SIGNER = Signer(SECRET)


@pytest.fixture
def shop(tmp_path):
    """The author's own page, which leads on to a form at another origin; `asked` is what came: path and headers."""
    asked = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            moved = self.path == "/groups"
            body = b"<!doctype html><title>Form</title><link rel=icon href=data:,><h1>Four questions</h1>"
            self.send_response(302 if moved else 200)
            if moved:
                self.send_header("Location", f"https://localhost:{self.server.server_port}/four-questions")
            self.send_header("Content-Length", str(0 if moved else len(body)))
            self.end_headers()
            self.wfile.write(b"" if moved else body)

        def log_message(self, *_):
            pass

    _, secured = make_certificate(tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.socket = secured.wrap_socket(server.socket, server_side=True)
        server.asked, server.url = asked, f"https://127.0.0.1:{server.server_port}/groups"
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def project(web, tmp_path):
    """The running web process's own project, with a launch that is open now."""
    return open_launch(tmp_path)


def open_launch(tmp_path, forward=""):
    folder = tmp_path / "project"
    path = folder / "content" / "launches" / f"{LAUNCH}.toml"
    text = path.read_text(encoding="utf-8")
    for key, days in (("opens", -7), ("closes", 9)):
        wall = wall_time(NOW + timedelta(days=days), "America/Denver").replace(tzinfo=None)
        text = re.sub(rf"^{key} = .*$", f"{key} = {wall.isoformat(timespec='seconds')}", text, flags=re.MULTILINE)
    path.write_text(text + (f'\nforward = "{forward}"\n' if forward else ""), encoding="utf-8")
    return folder


@pytest.fixture
def readers(web):
    with writing(web.engine) as connection:
        return [make_subscriber(connection, "paid"), make_subscriber(connection)]


@pytest.fixture(params=["light", "dark"])
def phone(chromium, request):
    context = chromium.new_context(
        color_scheme=request.param, viewport={"width": 375, "height": 740}, ignore_https_errors=True
    )
    yield context.new_page()
    context.close()


def conversions(web):
    with reading(web.engine) as connection:
        return connection.execute(select(launch_conversions.c.subscriber_id, launch_conversions.c.how)).all()


def look(page):
    page.wait_for_load_state()
    assert page.evaluate(WEAK_TEXT.replace("'body *'", "'body *:not(svg title)'")) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.get_by_role("heading", level=1).count() == 1


def scan(url):
    for method in ("GET", "HEAD") * 3:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
            assert answer.status == 200


def test_whoever_presses_the_button_has_applied_and_gets_no_reminder(web, readers, phone, shop, tmp_path):
    open_launch(tmp_path, shop.url)
    applies, waits = readers
    for one in readers:
        scan(web.url + SIGNER.apply_path(one.id, LAUNCH))
    assert conversions(web) == []
    phone.goto(web.url + SIGNER.apply_path(applies.id, LAUNCH))
    look(phone)
    phone.get_by_role("button", name="Apply").click()
    phone.wait_for_url(re.compile("^https://localhost.*/four-questions$"))
    assert phone.get_by_role("heading", level=1).inner_text() == "Four questions"
    assert [path for path, _ in shop.asked] == ["/groups", "/four-questions"]
    assert not any(name.lower() == "referer" for _, headers in shop.asked for name in headers)
    assert conversions(web) == [(applies.id, "applied")]
    phone.goto(web.url + SIGNER.apply_path(applies.id, LAUNCH))
    look(phone)
    assert phone.get_by_role("button").count() == 0
    assert "application is noted" in phone.get_by_role("status").inner_text()
    with writing(web.engine) as connection:
        reminder = make_mailing(connection, kind=MailingKind.STEP, launch_id=LAUNCH)
    plan(web.engine, reminder)
    with reading(web.engine) as connection:
        owed = connection.execute(select(deliveries.c.subscriber_id).where(deliveries.c.mailing_id == reminder))
        assert owed.scalars().all() == [waits.id]
        left_out = select(exclusions.c.subscriber_id, exclusions.c.reason).where(exclusions.c.mailing_id == reminder)
        assert connection.execute(left_out).all() == [(applies.id, "converted")]
    assert SIGNER.apply_path(applies.id, LAUNCH)[3:] not in web.log.read_text()


def test_not_this_launch_is_one_press_and_one_more_takes_it_back(web, project, readers, phone):
    reader, _ = readers
    path = SIGNER.mute_path(reader.id, LAUNCH)
    scan(web.url + path)

    def muted():
        with reading(web.engine) as connection:
            return has_muted(connection, LAUNCH, reader.id)

    assert not muted()
    phone.goto(web.url + SIGNER.apply_path(reader.id, LAUNCH))
    phone.get_by_role("link", name="Hear no more about it").click()
    look(phone)
    phone.get_by_role("button", name="Not this one").click()
    look(phone)
    assert muted()
    phone.get_by_role("link", name="Choose what you receive").click()
    look(phone)
    assert "you hear no more of it" in phone.content()
    phone.get_by_role("link", name="Take that back").click()
    phone.get_by_role("button", name="Undo, remind me after all").click()
    look(phone)
    assert not muted()


def test_the_report_is_read_on_a_phone_and_in_the_dark(phone, tmp_path):
    launch = sources.read_launches(PROJECT)[LAUNCH]
    rows = [
        Told("step", name, plan, announced * 2, announced, 3, 0, 0, 0, announced - 3, clicked, applied)
        for name, announced, clicked, applied in (
            ("announcement", 4_213, 310, 41),
            ("a-name-of-a-step-that-goes-on", 4_000, 90, 0),
        )
        for plan in Plan
    ]
    day = launch.opens.date()
    report = LaunchReport(
        People(4_213, 320, 41),
        dict.fromkeys(Plan, People(2_000, 100, 20)),
        {"producers": People(10, 1, 1)},
        {"applied": 40, "tag": 1},
        rows,
        unprompted=2,
        muted=17,
        excluded={"announcement": {"paused": 4}},
        days=[(day + timedelta(days=n), n + 1) for n in (0, 1, 5)],
    )
    file = tmp_path / "report.html"
    file.write_text(launch_page(launch, report, launch.opens + timedelta(days=7), "The Long Take"), encoding="utf-8")
    phone.goto(file.as_uri())
    look(phone)
    assert phone.locator("svg rect").count() == len(rows) * 3 - 2 + 3  # a bar of nothing is not drawn
    assert phone.get_by_role("img").count() == 2
    sizes = phone.evaluate("[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)")
    assert min(sizes) >= 8
