"""The mailroom's lists: served as SendGrid serves them, and honoured for mail sent at once and for mail that waits."""

import orjson
import pytest

from tests.integration.suppressions.conftest import UNIX
from tests.support.mail_requests import request, row
from tests.support.mailroom import Sender, messages
from worker.mailroom.suppressions import DROPS, drop_events


def mail_request(addresses):
    return request(personalizations=[row(n, to=[{"email": one}]) for n, one in enumerate(addresses)])


@pytest.fixture
def ask(mailroom):
    sender = Sender(mailroom)

    def call(method, path, content=None):
        status, _, body = sender.ask(method, path, None if content is None else orjson.dumps(content))
        return status, orjson.loads(body) if body else None

    yield call
    sender.connection.close()


def test_a_list_is_served_in_pages_the_newest_first(ask, mailroom):
    for number in range(7):
        mailroom.suppressions.add("bounces", f"r{number}@example.com", UNIX + number, status="5.1.1", reason="550")
    status, first = ask("GET", "/v3/suppression/bounces?limit=5")
    assert (status, [one["created"] - UNIX for one in first]) == (200, [6, 5, 4, 3, 2])
    assert first[0] == {"created": UNIX + 6, "email": "r6@example.com", "status": "5.1.1", "reason": "550"}
    assert [one["created"] - UNIX for one in ask("GET", "/v3/suppression/bounces?limit=5&offset=5")[1]] == [1, 0]
    window = f"/v3/suppression/bounces?start_time={UNIX + 2}&end_time={UNIX + 3}"
    assert [one["created"] - UNIX for one in ask("GET", window)[1]] == [3, 2]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "offset=-1"])
def test_a_page_that_cannot_be_is_refused(ask, query):
    assert ask("GET", f"/v3/suppression/blocks?{query}")[0] == 400


def test_addresses_are_added_to_the_global_list_read_and_taken_off(ask):
    assert ask("POST", "/v3/asm/suppressions/global", {"recipient_emails": ["Ada@example.com"]})[0] == 201
    assert ask("GET", "/v3/asm/suppressions/global/ada@example.com")[1] == {"recipient_email": "Ada@example.com"}
    assert [one["email"] for one in ask("GET", "/v3/suppression/unsubscribes")[1]] == ["Ada@example.com"]
    assert ask("DELETE", "/v3/asm/suppressions/global/ada@example.com")[0] == 204
    assert ask("DELETE", "/v3/asm/suppressions/global/ada@example.com")[0] == 404
    assert ask("GET", "/v3/asm/suppressions/global/ada@example.com")[1] == {}


def test_a_list_is_emptied_by_names_or_wholly(ask, mailroom):
    for number in range(3):
        mailroom.suppressions.add("spam_reports", f"r{number}@example.com", UNIX)
    assert ask("DELETE", "/v3/suppression/spam_reports", {"emails": ["r1@example.com"]})[0] == 204
    assert mailroom.suppressions.addresses("spam_reports") == ["r0@example.com", "r2@example.com"]
    assert ask("DELETE", "/v3/suppression/spam_reports", {})[0] == 400
    assert ask("DELETE", "/v3/suppression/spam_reports", {"delete_all": True})[0] == 204
    assert mailroom.suppressions.addresses("spam_reports") == []


def test_the_lists_need_their_scopes(start_mailroom):
    sender = Sender(start_mailroom(scopes=("mail.send", "suppression.read")))
    assert sender.ask("GET", "/v3/suppression/bounces")[0] == 200
    assert sender.ask("DELETE", "/v3/suppression/bounces")[0] == 403
    assert sender.ask("POST", "/v3/asm/suppressions/global", b"{}")[0] == 403
    sender.connection.close()


@pytest.mark.parametrize("name", ["bounces", "invalid_emails", "spam_reports", "unsubscribes"])
def test_mail_to_somebody_on_a_list_is_accepted_and_not_delivered(mailroom, name):
    mailroom.suppressions.add(name, "r1@example.com", UNIX)
    mailroom.suppressions.add("blocks", "r0@example.com", UNIX)
    sender = Sender(mailroom)
    assert sender.post(mail_request(["r0@example.com", "R1@example.com", "r2@example.com"]))[0] == 202
    sender.connection.close()
    assert [(one["to"], one["number"]) for one in messages(mailroom)] == [("r0@example.com", 0), ("r2@example.com", 2)]
    (gone,) = mailroom.suppressions.dropped(mail_request(["r0@example.com", "R1@example.com"]))
    (event,) = drop_events([gone], "m", UNIX)
    assert (event["event"], event["reason"], event["email"]) == ("dropped", DROPS[name], "R1@example.com")


@pytest.mark.parametrize(("looked_at", "delivered"), [("hour", []), ("acceptance", ["r0@example.com"])])
def test_for_mail_that_waits_the_lists_are_looked_at_as_the_option_says(start_mailroom, looked_at, delivered):
    room = start_mailroom(suppressed_at=looked_at, clock=float(UNIX))
    sender = Sender(room)
    assert sender.post(mail_request(["r0@example.com"]) | {"send_at": UNIX + 3_600})[0] == 202
    room.suppressions.add("unsubscribes", "r0@example.com", UNIX + 60)
    room.turn_clock(advance=3_601)
    sender.connection.close()
    assert [one["to"] for one in messages(room)] == delivered
