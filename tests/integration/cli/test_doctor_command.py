"""`broadsheet doctor` on a project with a mailroom for an account, and on one with everything wrong."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.commands import copy_project
from tests.support.sending import BASE_URL, KEY, SECRET
from tests.support.valkey import short_folder, valkey_server, valkey_url  # noqa: F401  (fixtures)
from worker.mailroom import faults
from worker.store.clock_lease import note_tick
from worker.store.engine import open_engine, writing
from worker.store.installation import fence
from worker.usecases.doctor_account import EVENTS_PATH
from worker.usecases.doctor_leftovers import FILE
from worker.web.routes import ROUTES

TO = "operator@example.org"
NOBODY = "http://127.0.0.1:9"  # events that are posted here are lost


@pytest.fixture
def account(start_mailroom):
    """`account(scopes=...)`: a mailroom whose webhook posts to this project."""

    def open_one(**options):
        return start_mailroom(events_url=NOBODY + EVENTS_PATH, event_retry_seconds=(), **options)

    return open_one


@pytest.fixture
def installed(tmp_path, sqlite_url):
    """`installed(room, ...)`: a project that uses this mailroom, with changes to its settings."""

    def make(room, **changes):
        folder = tmp_path / "installed"
        folder.mkdir()
        settings = {
            "database_url": sqlite_url,
            "base_url": NOBODY,
            "secret_key": SECRET,
            "sendgrid_api_key": KEY,
            "sendgrid_api_url": room.url,
            "sendgrid_webhook_public_key": room.public_key,
            "alert_address": TO,
            "ops_password": "an invented one",
            **changes,
        }
        return copy_project(folder, **{name: value for name, value in settings.items() if value is not None})

    return make


def by_health(ended, health):
    return {(one["check"], one["what"]) for one in ended.json if one["health"] == health}


def texts(ended, health):
    return " | ".join(f"{check}: {what}" for check, what in sorted(by_health(ended, health)))


def test_an_installation_in_order_has_no_problem(broadsheet, account, installed, sqlite_url, valkey_url):  # noqa: F811
    engine = open_engine(sqlite_url)
    note_tick(engine)
    engine.dispose()
    project = installed(account(), redis_url=valkey_url)
    ended = broadsheet("doctor", "--json", "--project", project)
    assert texts(ended, "problem") == ""
    assert texts(ended, "warning") == ""
    assert ended.code == 0
    said = texts(ended, "well")
    for words in (
        "may send mail",
        "take back",
        "is authenticated",
        "signed with the key",
        "nothing is evicted",
        "ticks",
    ):
        assert words in said


def test_every_problem_comes_with_its_fix_and_ends_in_one(broadsheet, account, installed, tmp_path):
    room = account(scopes=("mail.batch.create",), domains=("elsewhere.example",))
    project = installed(
        room,
        secret_key="short",
        sendgrid_webhook_public_key=None,
        alert_address=None,
        ops_password=None,
        database_url=f"sqlite:///{tmp_path / 'nowhere.db'}",
        redis_url="redis://127.0.0.1:1/0",
    )
    ended = broadsheet("doctor", "--json", "--project", project)
    assert ended.code == 1
    said = texts(ended, "problem")
    for words in (
        "SECRET_KEY has 5 characters",
        "database: there is none yet",
        "redis: REDIS_URL does not answer",
        "the key may not send mail",
        "neither the From address nor its domain is verified",
        "SENDGRID_WEBHOOK_PUBLIC_KEY is not set",
    ):
        assert words in said
    assert "ALERT_ADDRESS" in texts(ended, "warning")
    assert "lacks user.scheduled_sends.create" in texts(ended, "warning")
    assert all(one["fix"] for one in ended.json if one["health"] in ("problem", "warning"))


def test_no_line_holds_an_address_or_a_key(broadsheet, account, installed):
    room = account(domains=(), verified_senders=("ines@letters.example.com",))
    ended = broadsheet("doctor", "--project", installed(room, redis_url="redis://:a-password@127.0.0.1:1/0"))
    assert "single sender" in ended.out
    for secret in ("@", KEY, SECRET, "a-password", room.public_key):
        assert secret not in ended.out + ended.err


def test_without_the_network_only_the_machine_is_looked_at(broadsheet, account, installed):
    room = account()
    ended = broadsheet("doctor", "--offline", "--json", "--project", installed(room))
    assert {"webhook key", "migrations"} <= {one["check"] for one in ended.json}
    assert not {"API key", "sender", "webhook"} & {one["check"] for one in ended.json}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.status(401), "SendGrid does not know the key"),
        (faults.dropped("after_reading"), "SendGrid was not reached"),
    ],
)
def test_an_account_that_does_not_answer_is_one_problem(broadsheet, account, installed, fault, words):
    room = account()
    room.script_faults(fault.calling("/v3/scopes"))
    ended = broadsheet("doctor", "--json", "--project", installed(room))
    assert words in texts(ended, "problem")
    assert "sender" not in {one["check"] for one in ended.json}


def test_what_the_key_may_not_see_is_no_problem(broadsheet, account, installed):
    room = account()
    room.script_faults(*(faults.status(403).calling(f"/v3/{path}") for path in ("scopes", "verified_senders", "whitelabel", "user/webhooks")))  # fmt: skip
    ended = broadsheet("doctor", "--json", "--project", installed(room))
    assert "may not say what it may do" in texts(ended, "warning")
    assert {check for check, _ in by_health(ended, "note")} >= {"sender", "webhook"}


def test_a_webhook_with_another_key_or_place_is_a_problem(broadsheet, account, installed, start_mailroom):
    other = start_mailroom()
    ended = broadsheet(
        "doctor", "--json", "--project", installed(account(), sendgrid_webhook_public_key=other.public_key)
    )
    assert "is not the key the event webhook signs with" in texts(ended, "problem")


def test_a_fenced_database_is_a_problem(broadsheet, account, installed, sqlite_url):
    engine = open_engine(sqlite_url)
    with writing(engine) as connection:
        fence(connection, "this database is an old copy")
    engine.dispose()
    assert "fence: this database is an old copy" in texts(
        broadsheet("doctor", "--json", "--offline", "--project", installed(account())), "problem"
    )


def test_the_events_path_is_the_routes():
    assert EVENTS_PATH in {route.rule for route in ROUTES}


# --- live


def live(broadsheet, project):
    return broadsheet("doctor", "--live", "--to", TO, "--yes", "--json", "--project", project)


def test_a_live_look_sends_one_mail_takes_one_back_and_says_what_it_saw(broadsheet, account, installed):
    room = account()
    ended = live(broadsheet, installed(room))
    assert ended.code == 0, ended.out
    counts = room.stats()
    assert (counts["messages"], counts["waiting"]) == (1, 1)
    assert list(room.scheduled.statuses().values()) == ["cancel"]
    said = texts(ended, "well") + texts(ended, "note")
    for words in ("reads as cancelled", "cancelled and freed", "rate-limit headers of mail/send"):
        assert words in said
    assert "10,000 bytes: taken; 10,001 bytes: not taken" in said
    assert "same address twice" in said
    assert "--received RAW.eml" in ended.out
    assert TO not in ended.out
    assert KEY not in ended.out
    room.turn_clock(advance=4_100)
    assert (room.stats()["messages"], room.stats()["discarded"]) == (1, 1)


def test_the_slot_of_a_live_look_is_freed_once_its_hour_is_long_past(broadsheet, account, installed):
    room = account()
    project = installed(room)
    live(broadsheet, project)
    early = broadsheet("doctor", "--json", "--project", project)
    assert "1 cancel slots of earlier tests are in use" in texts(early, "note")
    kept = project / "var" / FILE
    hour = (datetime.now(UTC) - timedelta(hours=2)).timestamp()
    [batch_id] = room.scheduled.statuses()
    kept.write_text(f'{{"{batch_id}": {hour}}}')
    later = broadsheet("doctor", "--json", "--project", project)
    assert "1 cancel slots of earlier tests were freed" in texts(later, "well")
    assert room.scheduled.statuses() == {}


def test_an_account_that_says_cancelled_and_does_not_cancel_is_a_problem(broadsheet, account, installed):
    room = account()
    room.script_faults(faults.discarded().times(3).calling("/v3/user/scheduled_sends", "POST"))
    ended = live(broadsheet, installed(room))
    assert ended.code == 1
    assert "read back, it is not “cancelled” but: goes" in texts(ended, "problem")


def test_a_live_look_stops_where_a_valid_request_is_refused(broadsheet, account, installed):
    room = account()
    room.script_faults(faults.status(403))
    ended = live(broadsheet, installed(room))
    assert ended.code == 1
    assert room.stats()["requests"] == 1
    assert room.stats()["messages"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--live",),
        ("--to", TO),
        ("--live", "--to", "nobody"),
        ("--live", "--to", TO, "--offline"),
        ("--live", "--to", TO),
    ],
)
def test_a_live_look_that_makes_no_sense_is_wrong_use(broadsheet, account, installed, words):
    room = account()
    ended = broadsheet("doctor", *words, "--project", installed(room))
    assert ended.code == 2
    assert room.stats()["requests"] == 0


# --- a received mail

RAW = """\
Authentication-Results: mx.example.net; dkim=pass header.d=letters.example.com; spf=pass
Received: from out.example.com by mx.example.net; Mon, 23 Nov 2026 07:00:00 +0000
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=letters.example.com; s=s1;
 h=content-type:from:mime-version:subject:list-unsubscribe:
 list-unsubscribe-post:to; bh=abc=; b=def=
From: Letters <ines@letters.example.com>
To: reader@example.org
Subject: Hello
List-Unsubscribe: <https://letters.example.com/u/token>
List-Unsubscribe-Post: List-Unsubscribe=One-Click

Hello
"""


@pytest.fixture
def read_mail(broadsheet, tmp_path, installed, account):
    project = installed(account(), base_url=BASE_URL)

    def read(text, *more):
        path = tmp_path / "raw.eml"
        path.write_bytes(text.encode())
        return broadsheet("doctor", "--received", path, "--json", "--project", project, *more)

    return read


def test_a_mail_that_arrived_as_sent_and_signed_is_well(read_mail):
    ended = read_mail(RAW)
    assert (ended.code, texts(ended, "problem"), texts(ended, "warning")) == (0, "", "")
    assert "list-unsubscribe:list-unsubscribe-post" in texts(ended, "note")
    assert "@" not in ended.out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (":\n list-unsubscribe-post:to", ":\n to", "no signature covers List-Unsubscribe-Post"),
        ("List-Unsubscribe: <https://letters.example.com/u/token>\n", "", "List-Unsubscribe: it did not arrive"),
        ("Subject: Hello\n", "Subject: Hello\nList-Unsubscribe: <mailto:x>\n", "it occurs 2 times"),
        ("<https://letters.example.com/u/token>", "<mailto:leave>", "it holds 0 HTTPS URIs"),
        ("<https://letters.example.com/u/token>", "=?utf-8?q?=3Chttps?=", "it was encoded"),
        ("<https://letters.example.com/u/token>", "<https://letters.example.com/u/\n token>", "broken by a line end"),
        ("//letters.example.com/u", "//u123.ct.sendgrid.test/u", "another host than BASE_URL"),
        ("//letters.example.com/u", "//[letters.example.com/u", "another host than BASE_URL"),
        ("List-Unsubscribe-Post: List-Unsubscribe=One-Click\n", "", "List-Unsubscribe-Post: it occurs 0 times"),
        ("=One-Click\n", "=Two-Clicks\n", "something else than One-Click"),
        ("d=letters.example.com; s", "d=sendgrid.test; s", "no signature is of the From address's own domain"),
        ("dkim=pass", "dkim=fail", "dkim=fail"),
        ("Received:", "X-Received:", "no mail as it was received"),
    ],
)
def test_what_is_wrong_with_a_received_mail_is_named(read_mail, old, new, words):
    assert old in RAW
    ended = read_mail(RAW.replace(old, new))
    assert ended.code == 1
    assert words in texts(ended, "problem")


def test_a_signature_of_another_domain_that_alone_covers_both_headers_is_a_warning(read_mail):
    second = "DKIM-Signature: v=1; d=sendgrid.test; h=from:list-unsubscribe:list-unsubscribe-post; b=x\n"
    first = RAW.replace(":\n list-unsubscribe-post:to", ":\n to")
    ended = read_mail(first.replace("From: Letters", second + "From: Letters"))
    assert ended.code == 0
    assert "not of the From address's domain" in texts(ended, "warning")


def test_a_file_that_is_not_there_is_wrong_use(broadsheet, tmp_path):
    assert broadsheet("doctor", "--received", tmp_path / "none.eml", "--project", tmp_path).code == 2
