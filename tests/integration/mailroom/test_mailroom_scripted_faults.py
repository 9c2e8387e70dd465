"""Each scripted fault, as a sender sees it, and what was kept all the same."""

import http.client
import threading
import time

import orjson
import pytest

from tests.support.mail_requests import request
from tests.support.mailroom import messages
from worker.mailroom import faults


def post_one(sender):
    return sender.post(request(rows=1))


@pytest.mark.parametrize(
    ("fault", "status", "kept"),
    [
        (faults.status(500), 500, 0),
        (faults.status(502), 502, 0),
        (faults.status(503, accepted=True), 503, 1),
        (faults.status(504, accepted=True), 504, 1),
        (faults.status(401, message="Maximum credits exceeded"), 401, 0),
        (faults.status(403), 403, 0),
        (faults.too_large(), 413, 0),
        (faults.refused(), 400, 0),
        (faults.discarded(), 202, 0),
        (faults.late(0.05), 202, 1),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_scripted_answer_comes_once_and_then_all_is_well(mailroom, sender, fault, status, kept):
    mailroom.script_faults(fault)
    assert post_one(sender)[0] == status
    assert len(messages(mailroom)) == kept
    assert post_one(sender)[0] == 202
    assert len(messages(mailroom)) == kept + 1


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (faults.dropped("before_reading"), 0),
        (faults.dropped("after_reading"), 0),
        (faults.dropped("after_accepting"), 1),
        (faults.garbage(), 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_connection_that_ends_badly_leaves_what_was_accepted(mailroom, sender, fault, kept):
    mailroom.script_faults(fault)
    with pytest.raises((http.client.HTTPException, OSError)):
        post_one(sender)
    sender.connection.close()
    assert len(messages(mailroom)) == kept
    assert mailroom.stats()["answers"] == {"none": 1}
    assert post_one(sender)[0] == 202


def test_too_many_requests_names_the_second_to_come_back_in(mailroom, sender):
    mailroom.script_faults(faults.rate_limited(7), faults.rate_limited(None))
    before = time.time()
    status, headers, body = post_one(sender)
    assert status == 429
    assert orjson.loads(body)["errors"][0]["message"] == "too many requests"
    assert before + 7 <= int(headers["X-RateLimit-Reset"]) <= time.time() + 8
    assert post_one(sender)[1]["X-RateLimit-Reset"] is None
    assert messages(mailroom) == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_has_its_location(mailroom, sender, status):
    mailroom.script_faults(faults.redirect("http://127.0.0.1:9/elsewhere", status))
    answer, headers, _ = post_one(sender)
    assert (answer, headers["Location"]) == (status, "http://127.0.0.1:9/elsewhere")
    assert messages(mailroom) == []


def test_rows_are_refused_by_their_numbers(mailroom, sender):
    mailroom.script_faults(faults.rows_refused([0, 2]))
    status, _, body = sender.post(request(rows=3))
    assert status == 400
    assert [one["field"] for one in orjson.loads(body)["errors"]] == [
        "personalizations.0.to.0.email",
        "personalizations.2.to.0.email",
    ]
    assert messages(mailroom) == []


def test_an_answer_that_never_comes_ends_with_the_sender(mailroom, sender):
    mailroom.script_faults(faults.never())
    sender.connection.timeout = 0.2
    with pytest.raises(TimeoutError):
        post_one(sender)
    sender.connection.close()
    assert messages(mailroom) == []
    sender.connection.timeout = 10
    assert post_one(sender)[0] == 202


def test_a_late_answer_holds_up_nobody_else(mailroom, sender, connect):
    mailroom.script_faults(faults.late(30))
    seen = []

    def wait_for_it():
        try:
            seen.append(post_one(sender)[0])
        except (http.client.HTTPException, OSError) as broken:
            seen.append(broken)

    slow = threading.Thread(target=wait_for_it)
    slow.start()
    while not messages(mailroom):  # taken, and its answer still to come
        assert slow.is_alive()
    begun = time.monotonic()
    assert post_one(connect(mailroom))[0] == 202
    mailroom.stop()
    slow.join(5)
    assert time.monotonic() - begun < 5
    assert [type(one) for one in seen] != [int]  # stopping is no answer
    assert len(seen) == 1


def test_what_is_accepted_must_still_be_valid(mailroom, sender):
    mailroom.script_faults(faults.late(0), faults.status(503, accepted=True))
    assert sender.post(b"{}")[0] == 400
    assert sender.post(b"{}")[0] == 503
    assert mailroom.stats()["accepted"] == 0


def test_a_script_is_set_and_read_over_http(mailroom, sender):
    script = [{"fault": "status", "status": 503, "count": 2}, {"fault": "redirect", "location": "/x", "at": 4}]
    status, _, body = sender.ask("POST", "/_mailroom/faults", orjson.dumps(script))
    assert (status, orjson.loads(body)) == (200, ["status 503", "status 503", "redirect 302 on 4"])
    assert [post_one(sender)[0] for _ in range(5)] == [503, 503, 202, 302, 202]
    assert sender.ask("GET", "/_mailroom/faults")[2] == b"[]"


def test_a_script_that_makes_no_sense_changes_nothing(mailroom, sender):
    mailroom.script_faults(faults.status(503))
    status, _, body = sender.ask("POST", "/_mailroom/faults", b'[{"fault": "sometimes"}]')
    assert status == 400
    assert "set `fault` to one of" in orjson.loads(body)["errors"][0]["message"]
    assert sender.ask("POST", "/_mailroom/faults", b"[")[0] == 400
    assert post_one(sender)[0] == 503
