"""Mail that waits in the mailroom: its hour, and what pausing, cancelling and freeing a batch id do to it."""

import http.client

import orjson
import pytest

from tests.support.mail_requests import NOW, request, row
from tests.support.mailroom import Sender, messages, messages_to
from tests.support.waiting import until
from worker.mailroom import faults

HOUR = int(NOW) + 7_200
SENDS = "/v3/user/scheduled_sends"


@pytest.fixture
def room(start_mailroom):
    return start_mailroom(clock=NOW)


@pytest.fixture
def open_desk():
    """`open_desk(room)`: a client of that room, hung up after the test."""
    desks = []

    def open_one(room):
        desks.append(Desk(room))
        return desks[-1]

    yield open_one
    for desk in desks:
        desk.sender.connection.close()


@pytest.fixture
def desk(room, open_desk):
    return open_desk(room)


class Desk:
    """A client that speaks JSON: `desk.cancel(id)` and so on give the status."""

    def __init__(self, room):
        self.room = room
        self.sender = Sender(room)

    def ask(self, method, path, body=None):
        status, _, content = self.sender.ask(method, path, None if body is None else orjson.dumps(body))
        return status, orjson.loads(content) if content else None

    def reserve(self):
        status, found = self.ask("POST", "/v3/mail/batch")
        assert status == 201
        return found["batch_id"]

    def send(self, batch_id=..., send_at=HOUR, rows=2, **changes):
        return self.sender.post(request(rows=rows, batch_id=batch_id, send_at=send_at, **changes))[0]

    def hold(self, batch_id, status="cancel"):
        return self.ask("POST", SENDS, {"batch_id": batch_id, "status": status})[0]

    def change(self, batch_id, status):
        return self.ask("PATCH", f"{SENDS}/{batch_id}", {"status": status})[0]

    def free(self, batch_id):
        return self.ask("DELETE", f"{SENDS}/{batch_id}")[0]

    def counts(self):
        stats = self.room.stats()
        return tuple(stats[name] for name in ("waiting", "released", "discarded", "messages"))


# --- the hour


def test_mail_with_an_hour_waits_for_it_and_goes_then_once(desk, room):
    assert desk.send() == 202
    assert (messages(room), desk.counts()) == ([], (2, 0, 0, 0))
    room.turn_clock(HOUR - 1)
    assert desk.counts() == (2, 0, 0, 0)
    room.turn_clock(HOUR)
    room.turn_clock(HOUR + 1)
    assert desk.counts() == (0, 2, 0, 2)
    [message] = messages_to(room, "reader1@example.com")
    assert (message["accepted_at"], message["released_at"], message["send_at"]) == (NOW, HOUR, HOUR)


def test_an_hour_that_has_passed_is_no_wait(desk, room):
    assert desk.send(send_at=int(NOW) - 5) == 202
    assert desk.counts() == (0, 0, 0, 2)
    assert len(messages(room)) == 2


def test_each_row_may_have_its_own_hour(desk, room):
    rows = [row(0, send_at=HOUR + 60), row(1), row(2, send_at=HOUR + 60)]
    assert desk.send(personalizations=rows) == 202
    room.turn_clock(HOUR)
    assert [(one["to"], one["number"]) for one in messages(room)] == [("reader1@example.com", 1)]
    room.turn_clock(advance=60)
    assert [(one["to"], one["number"]) for one in messages(room)[1:]] == [
        ("reader0@example.com", 0),
        ("reader2@example.com", 2),
    ]


def test_an_hour_is_counted_from_the_mailrooms_clock(desk, room):
    assert desk.send(send_at=int(NOW) + 72 * 3600 + 1) == 400
    room.turn_clock(NOW + 1)
    assert desk.send(send_at=int(NOW) + 72 * 3600 + 1) == 202


def test_the_real_clock_lets_mail_go_by_itself(start_mailroom, open_desk):
    real = start_mailroom()
    desk = open_desk(real)
    assert desk.send(send_at=int(desk.ask("GET", "/_mailroom/clock")[1]["now"]) + 1) == 202
    until(lambda: len(real.inbox) == 2, seconds=10, what="two messages")


def test_a_request_sent_twice_counts_as_accepted_twice_and_as_a_duplicate_when_it_goes(desk, room):
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id)
    desk.send(desk.reserve())
    assert (room.stats()["duplicates"], room.stats()["accepted_duplicates"]) == (0, 2)
    room.turn_clock(HOUR)
    assert (room.stats()["duplicates"], room.stats()["accepted_duplicates"]) == (0, 2)
    assert room.stats()["deliveries"] == 2


# --- batch ids


def test_a_batch_id_that_was_never_reserved_is_refused(desk, room):
    assert desk.send("0123456789abcdef") == 400
    assert desk.ask("GET", "/v3/mail/batch/0123456789abcdef")[0] == 400
    assert desk.hold("0123456789abcdef") == 400
    assert room.stats()["accepted"] == 0


def test_a_batch_id_ends_after_ten_days_and_its_cancellation_with_it(desk, room):
    batch_id = desk.reserve()
    assert desk.hold(batch_id) == 201
    room.turn_clock(NOW + 864_000 - 1)
    assert desk.ask("GET", f"/v3/mail/batch/{batch_id}") == (200, {"batch_id": batch_id})
    room.turn_clock(NOW + 864_000)
    assert desk.ask("GET", f"/v3/mail/batch/{batch_id}")[0] == 400
    assert desk.send(batch_id, send_at=int(NOW) + 864_060) == 400
    assert desk.ask("GET", SENDS) == (200, [])


# --- cancel


def test_cancelled_mail_is_thrown_away_at_its_hour(desk, room):
    batch_id, other = desk.reserve(), desk.reserve()
    desk.send(batch_id)
    desk.send(batch_id)
    desk.send(other, rows=1)
    assert desk.hold(batch_id) == 201
    assert desk.counts() == (5, 0, 0, 0)
    room.turn_clock(HOUR)
    assert desk.counts() == (0, 1, 4, 1)


def test_a_status_is_read_back_alone_and_in_the_list(desk):
    batch_id, other = desk.reserve(), desk.reserve()
    assert desk.ask("GET", f"{SENDS}/{batch_id}") == (200, [])
    desk.hold(batch_id)
    desk.hold(other, "pause")
    assert desk.ask("GET", f"{SENDS}/{batch_id}") == (200, [{"batch_id": batch_id, "status": "cancel"}])
    assert {one["batch_id"]: one["status"] for one in desk.ask("GET", SENDS)[1]} == {batch_id: "cancel", other: "pause"}


def test_a_second_post_for_an_id_is_refused_and_patch_changes_it(desk):
    batch_id = desk.reserve()
    assert desk.change(batch_id, "cancel") == 404
    assert desk.hold(batch_id, "pause") == 201
    assert desk.hold(batch_id, "cancel") == 400
    assert desk.change(batch_id, "cancel") == 204
    assert desk.ask("GET", SENDS)[1] == [{"batch_id": batch_id, "status": "cancel"}]


def test_an_eleventh_id_is_refused_until_one_is_freed(desk):
    held = [desk.reserve() for _ in range(10)]
    assert {desk.hold(one) for one in held} == {201}
    eleventh = desk.reserve()
    assert desk.hold(eleventh) == 400
    assert desk.free(held[0]) == 204
    assert desk.hold(eleventh) == 201
    assert desk.free(held[0]) == 404


def test_freeing_a_cancellation_before_the_hour_revives_the_mail(desk, room):
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id)
    assert desk.free(batch_id) == 204
    room.turn_clock(HOUR)
    assert desk.counts() == (0, 2, 0, 2)


def test_freeing_a_cancellation_after_the_hour_revives_nothing(desk, room):
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id)
    room.turn_clock(HOUR)
    assert desk.free(batch_id) == 204
    room.turn_clock(HOUR + 1_000)
    assert desk.counts() == (0, 0, 2, 0)


@pytest.mark.parametrize(("late_mail", "counts"), [("discard", (0, 0, 3, 0)), ("deliver", (0, 1, 2, 1))])
def test_mail_that_comes_after_the_cancellation_is_an_option(start_mailroom, open_desk, late_mail, counts):
    desk = open_desk(start_mailroom(clock=NOW, late_mail=late_mail))
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id)
    assert desk.send(batch_id, rows=1) == 202
    desk.room.turn_clock(HOUR)
    assert desk.counts() == counts


@pytest.mark.parametrize(
    ("late_cancel", "status", "counts"),
    [("ignore", 201, (0, 2, 0, 2)), ("refuse", 400, (0, 2, 0, 2)), ("obey", 201, (0, 0, 2, 0))],
)
def test_a_cancellation_later_than_ten_minutes_before_the_hour_is_an_option(
    start_mailroom, open_desk, late_cancel, status, counts
):
    desk = open_desk(start_mailroom(clock=NOW, late_cancel=late_cancel))
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.room.turn_clock(HOUR - 599)
    assert desk.hold(batch_id) == status
    desk.room.turn_clock(HOUR)
    assert desk.counts() == counts


def test_a_cancellation_ten_minutes_before_the_hour_is_in_time(desk, room):
    batch_id = desk.reserve()
    desk.send(batch_id)
    room.turn_clock(HOUR - 600)
    desk.hold(batch_id)
    room.turn_clock(HOUR)
    assert desk.counts() == (0, 0, 2, 0)


# --- pause


def test_paused_mail_goes_when_the_pause_is_taken_back_after_the_hour(desk, room):
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id, "pause")
    room.turn_clock(HOUR + 3_600)
    assert desk.counts() == (2, 0, 0, 0)
    assert desk.free(batch_id) == 204
    assert desk.counts() == (0, 2, 0, 2)


def test_paused_mail_is_thrown_away_72_hours_after_its_hour(desk, room):
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id, "pause")
    room.turn_clock(HOUR + 72 * 3_600 - 1)
    assert desk.counts() == (2, 0, 0, 0)
    room.turn_clock(HOUR + 72 * 3_600)
    assert desk.counts() == (0, 0, 2, 0)


def test_a_pause_turned_into_a_cancellation_after_the_hour_throws_away(desk, room):
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id, "pause")
    room.turn_clock(HOUR + 60)
    assert desk.change(batch_id, "cancel") == 204
    assert desk.counts() == (0, 0, 2, 0)


# --- steering, keys, faults


def test_what_waits_can_be_looked_at(desk):
    batch_id = desk.reserve()
    desk.send(batch_id)
    desk.hold(batch_id)
    found = desk.ask("GET", "/_mailroom/scheduled")[1]
    assert found["statuses"] == {batch_id: "cancel"}
    [one] = found["waiting"]
    assert (one["batch_id"], one["send_at"], one["messages"], one["status"]) == (batch_id, HOUR, 2, "cancel")


def test_the_clock_is_turned_over_http(desk):
    desk.send()
    assert desk.ask("POST", "/_mailroom/clock", {"advance": 7_199})[1] == {"now": NOW + 7_199, "stands": True}
    assert desk.counts()[0] == 2
    assert desk.ask("POST", "/_mailroom/clock", {"now": HOUR})[1] == {"now": HOUR, "stands": True}
    assert desk.counts()[0] == 0
    assert desk.ask("POST", "/_mailroom/clock", {"now": None})[1]["stands"] is False


@pytest.mark.parametrize(
    "body",
    [{}, [], {"now": "7"}, {"now": True}, {"advance": -1}, {"advance": 1, "now": 2}, {"now": None, "advance": 1}],
)
def test_a_clock_that_cannot_be_turned_so_is_refused(desk, body):
    assert desk.ask("POST", "/_mailroom/clock", body)[0] == 400


def test_a_call_needs_a_key(desk):
    assert desk.sender.ask("POST", "/v3/mail/batch", headers={})[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", SENDS, {"status": "cancel"}, 400),
        ("POST", SENDS, {"batch_id": "x", "status": "stop"}, 400),
        ("POST", SENDS, [], 400),
        ("PUT", SENDS, None, 405),
        ("PUT", "/v3/mail/batch", None, 405),
        ("GET", "/v3/mail/batch/a/b", None, 404),
        ("GET", f"{SENDS}/a/b", None, 404),
        ("GET", "/v3/elsewhere", None, 404),
        ("DELETE", f"{SENDS}/nobody", None, 400),
    ],
)
def test_what_makes_no_sense_is_refused_as_json(desk, method, path, body, status):
    found = desk.ask(method, path, body)
    assert found[0] == status
    assert found[1]["errors"]


def test_a_body_that_is_no_json_is_refused(desk):
    assert desk.sender.ask("POST", SENDS, b"{")[0] == 400


def test_a_dropped_answer_leaves_it_done_or_not_as_scripted(desk, room, open_desk):
    for moment, statuses in (("after_accepting", 1), ("after_reading", 0), ("before_reading", 0)):
        batch_id = desk.reserve()
        room.script_faults(faults.dropped(moment).calling(SENDS, "POST"))
        with pytest.raises((http.client.HTTPException, OSError)):
            desk.hold(batch_id)
        desk = open_desk(room)
        assert len(desk.ask("GET", f"{SENDS}/{batch_id}")[1]) == statuses


def test_an_answer_that_lies_says_201_and_cancels_nothing(desk, room):
    batch_id = desk.reserve()
    room.script_faults(faults.discarded().calling(SENDS))
    assert desk.hold(batch_id) == 201
    assert desk.ask("GET", SENDS) == (200, [])


def test_a_fault_of_one_call_does_not_meet_another(desk, room):
    script = [
        {"fault": "status", "status": 503, "path": "/v3/mail/batch"},
        {"fault": "rate_limited", "path": SENDS, "method": "get", "at": 2},
        {"fault": "status", "status": 500},
    ]
    assert len(desk.ask("POST", "/_mailroom/faults", script)[1]) == 3
    assert desk.ask("POST", "/v3/mail/batch")[0] == 503
    batch_id = desk.reserve()
    assert desk.hold(batch_id) == 201
    assert [desk.ask("GET", f"{SENDS}/{batch_id}")[0], desk.ask("GET", SENDS)[0]] == [200, 429]
    assert [desk.send(), desk.send()] == [500, 202]
    assert room.script.left() == []


def test_a_call_beyond_the_keys_scopes_is_forbidden(start_mailroom, open_desk):
    desk = open_desk(start_mailroom(clock=NOW, scopes=("mail.batch.create",)))
    batch_id = desk.reserve()
    assert desk.hold(batch_id) == 403
    assert desk.ask("GET", f"/v3/mail/batch/{batch_id}")[0] == 403
    assert desk.send() == 403


def test_a_page_elsewhere_that_points_its_name_here_is_turned_away(desk):
    headers = {"Authorization": "Bearer SG.x", "Host": "evil.example.com"}
    assert desk.sender.ask("GET", SENDS, headers=headers)[0] == 421
