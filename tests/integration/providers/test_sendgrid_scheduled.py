"""Batch ids and cancellations against scripted sockets: what SendGrid may answer, and what is then known."""

from __future__ import annotations

import json

import pytest

from tests.support.sockets import ScriptedServer, answer, answers, closed_port, read_request
from tests.support.submissions import KEY
from worker.providers.scheduled import Declined, Done, Reserved, Unreached, Waiting
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_api import ApiAnswer, ApiUnreached
from worker.providers.sendgrid_scheduled import SendGridScheduler

ID = "HkJ5yLYULb7Rj8GKSx7u025ouWVlMgAi"
REFUSED = answer(400, body=b'{"errors":[{"field":null,"message":"no, says reader@example.com"}]}')


def statuses(*entries):
    return answer(200, body=json.dumps([{"batch_id": one, "status": status} for one, status in entries]).encode())


def ask(method, *replies, batch_id=ID):
    """The outcome of one question, and the request lines it took."""
    received: list[bytes] = []
    with ScriptedServer(answers(*replies, received=received)) as server:
        scheduler = SendGridScheduler(SendGrid(KEY, server.url, 5.0).api)
        found = getattr(scheduler, method)(*(() if method == "reserve" else (batch_id,)))
    return found, [one.partition(b" HTTP/")[0].decode() for one in received]


def test_a_batch_id_is_reserved_by_an_empty_post():
    found, asked = ask("reserve", answer(201, body=json.dumps({"batch_id": ID}).encode()))
    assert (found, asked) == (Reserved(ID), ["POST /v3/mail/batch"])


@pytest.mark.parametrize("body", [b"", b"{}", b'{"batch_id":""}', b'{"batch_id":7}', b'{"batch_id":"a/../b"}', b"[]"])
def test_a_201_without_a_usable_id_reserves_nothing(body):
    found, _ = ask("reserve", answer(201, body=body))
    assert isinstance(found, Unreached)


def test_a_first_cancellation_is_one_post():
    found, asked = ask("cancel", answer(201, body=b"{}"))
    assert (found, asked) == (Done(), ["POST /v3/user/scheduled_sends"])


def test_a_cancellation_asked_for_twice_is_read_back_and_done():
    found, asked = ask("cancel", REFUSED, statuses((ID, "cancel")))
    assert (found, asked[1:]) == (Done(), [f"GET /v3/user/scheduled_sends/{ID}"])


def test_a_pause_is_changed_to_a_cancellation():
    found, asked = ask("cancel", REFUSED, statuses((ID, "pause")), answer(204))
    assert (found, asked[2:]) == (Done(), [f"PATCH /v3/user/scheduled_sends/{ID}"])


def test_a_refusal_with_all_slots_in_use_says_full():
    others = statuses(*((f"other{number}", "cancel") for number in range(10)))
    found, _ = ask("cancel", REFUSED, statuses(), others)
    assert isinstance(found, Declined)
    assert found.full


def test_a_refusal_with_slots_left_is_not_full_and_quotes_no_address():
    found, _ = ask("cancel", REFUSED, statuses(), statuses(("other", "pause")))
    assert found == Declined(400, "SendGrid answered 400 (no, says [address])")


def test_a_refusal_that_cannot_be_read_back_is_unreached():
    found, _ = ask("cancel", REFUSED, answer(503))
    assert found == Unreached("SendGrid answered 503", 503)


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (statuses((ID, "cancel")), Waiting.CANCELLED),
        (statuses(("another", "cancel"), (ID, "pause")), Waiting.PAUSED),
        (statuses(("another", "cancel")), Waiting.GOES),
        (statuses(), Waiting.GOES),
        (answer(200, body=json.dumps({"batch_id": ID, "status": "cancel"}).encode()), Waiting.CANCELLED),
    ],
)
def test_a_status_is_read_from_the_entry_of_its_own_id(reply, state):
    assert ask("read", reply)[0] is state


def test_a_404_for_one_id_is_settled_by_the_list_of_all():
    assert ask("read", answer(404), statuses(("another", "pause")))[0] is Waiting.GOES
    assert ask("read", answer(404), statuses((ID, "cancel")))[0] is Waiting.CANCELLED
    assert isinstance(ask("read", answer(404), answer(404))[0], Declined)


@pytest.mark.parametrize("body", [b"", b"null", b"7", b'[{"batch_id":1}]', b'["x"]', b"{", b'[{"batch_id":"x"}]'])
def test_a_body_that_is_no_list_of_statuses_leaves_the_status_unknown(body):
    assert isinstance(ask("read", answer(200, body=body))[0], Unreached)


def test_a_status_nobody_knows_is_not_taken_for_going():
    assert isinstance(ask("read", statuses((ID, "stop")))[0], Unreached)


def test_freeing_deletes_and_may_be_repeated():
    assert ask("free", answer(204)) == (Done(), [f"DELETE /v3/user/scheduled_sends/{ID}"])
    assert ask("free", answer(404), answer(404), statuses())[0] == Done()
    assert isinstance(ask("free", answer(404), statuses((ID, "cancel")))[0], Declined)


@pytest.mark.parametrize("method", ["reserve", "cancel", "read", "free"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_answers_that_pass_leave_it_open(method, status):
    found, asked = ask(method, answer(status))
    assert (found, len(asked)) == (Unreached(f"SendGrid answered {status}", status), 1)


@pytest.mark.parametrize("method", ["reserve", "cancel", "read", "free"])
def test_a_missing_scope_is_declined_and_named(method):
    found, _ = ask(method, answer(403))
    assert isinstance(found, Declined)
    assert "user.scheduled_sends" in found.reason


@pytest.mark.parametrize("method", ["reserve", "cancel", "read", "free"])
def test_a_redirect_is_declined_and_not_followed(method):
    found, asked = ask(method, answer(302, headers="Location: http://127.0.0.1:1/\r\n"))
    assert isinstance(found, Declined)
    assert len(asked) == 1


def test_nothing_that_listens_is_unreached():
    api = SendGrid(KEY, f"http://127.0.0.1:{closed_port()}", 5.0).api
    assert SendGridScheduler(api).cancel(ID) == Unreached("connection refused")
    assert api.call("GET", ("scopes",)) == ApiUnreached("connection refused", sent_whole=False)


def test_an_answer_that_breaks_off_is_unreached_with_its_status():
    cut = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"
    found, _ = ask("cancel", cut)
    assert isinstance(found, Unreached)
    assert found.status == 201


# --- any other call ----------------------------------------------------------------------------------------------


def call(*arguments, reply=None, **more):
    received: list[bytes] = []
    with ScriptedServer(answers(reply or answer(200, body=b"[]"), received=received)) as server:
        return SendGrid(KEY, server.url, 5.0).api.call(*arguments, **more), received[0]


def test_parts_of_a_path_are_escaped_and_the_query_travels():
    _, request = call("GET", ("asm", "suppressions", "global", "a/b?c@example.com"), query={"limit": 500, "q": "x&y"})
    assert request.startswith(b"GET /v3/asm/suppressions/global/a%2Fb%3Fc%40example.com?limit=500&q=x%26y HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}".encode() in request


def test_a_body_travels_as_json_with_any_method():
    _, request = call("DELETE", ("suppression", "bounces"), body={"emails": ["é@example.com"]})
    assert request.startswith(b"DELETE /v3/suppression/bounces HTTP/1.1\r\n")
    assert request.endswith('{"emails":["é@example.com"]}'.encode())


def test_a_call_without_a_body_says_so_in_its_length():
    _, request = call("POST", ("mail", "batch"))
    assert b"\r\n\r\n" in request
    assert request.endswith(b"\r\n\r\n")


def test_an_answer_of_any_status_is_a_value_that_hides_its_body():
    found, _ = call("GET", ("scopes",), reply=answer(418, headers="X-RateLimit-Limit: 600\r\n", body=b'{"a":1}'))
    assert isinstance(found, ApiAnswer)
    assert (found.status, found.headers.get("x-ratelimit-limit"), found.json()) == (418, "600", {"a": 1})
    assert "600" not in repr(found)
    assert '"a"' not in repr(found)


@pytest.mark.parametrize("path", [(), ("",), ("..", "x")])
def test_a_path_that_leads_elsewhere_is_a_bug(path):
    with pytest.raises(ValueError, match="path"):
        SendGrid(KEY, "http://127.0.0.1:1", 5.0).api.call("GET", path)


def test_the_key_is_in_no_representation():
    api = SendGrid(KEY, "http://127.0.0.1:1", 5.0).api
    assert KEY not in repr(api)
    assert KEY not in repr(SendGridScheduler(api))


def test_a_post_is_read_whole_before_it_is_answered():
    def script(connection):
        assert read_request(connection).endswith(b'{"batch_id":"x","status":"cancel"}')
        connection.sendall(answer(201))

    with ScriptedServer(script) as server:
        assert SendGridScheduler(SendGrid(KEY, server.url, 5.0).api).cancel("x") == Done()
