"""Signed events, taken by a real receiver."""

import base64
import http.server
import threading
from datetime import UTC, datetime

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.mail_requests import NOW, request, row
from worker.errors import SignatureError, UsageError
from worker.mailroom import faults
from worker.mailroom.server import Mailroom, MailroomOptions
from worker.mailroom.signing import Signer
from worker.providers.sendgrid_events import parse
from worker.providers.sendgrid_signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, verify


class Receiver:
    """Keeps every call; answers with the statuses given to it, then 204."""

    def __init__(self):
        self.calls = []
        self.statuses = []
        receiver = self

        class Request(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.append((self.path, self.headers, body))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Request)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/sendgrid?x=1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def events(self):
        return [event for _, _, body in self.calls for event in orjson.loads(body)]


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.server.shutdown()
    one.thread.join()
    one.server.server_close()


@pytest.fixture
def posting(start_mailroom, receiver):
    return start_mailroom(events_url=receiver.url, event_retry_seconds=(0.01,) * 4)


def test_every_message_is_processed_and_delivered_with_its_custom_args(posting, receiver, connect):
    _, headers, _ = connect(posting).post(request(rows=2))
    assert posting.events.settle()
    seen = [(one["email"], one["event"], one["bs_delivery"], one["bs_submission"]) for one in receiver.events]
    assert seen == [
        ("reader0@example.com", "processed", "0", "abc"),
        ("reader0@example.com", "delivered", "0", "abc"),
        ("reader1@example.com", "processed", "1", "abc"),
        ("reader1@example.com", "delivered", "1", "abc"),
    ]
    assert {one["sg_message_id"].partition(".")[0] for one in receiver.events} == {headers["X-Message-Id"]}
    assert len({one["sg_event_id"] for one in receiver.events}) == 4
    assert all(one["smtp-id"].startswith("<") for one in receiver.events)
    assert {path for path, _, _ in receiver.calls} == {"/webhooks/sendgrid?x=1"}


@pytest.mark.parametrize(
    ("local", "names"),
    [
        ("bounce", ["processed", "bounce:bounce"]),
        ("Blocked.anna", ["processed", "bounce:blocked"]),
        ("defer1", ["processed", "deferred"]),
        ("dropped", ["dropped"]),
        ("complain+x", ["processed", "delivered", "spamreport"]),
        ("unsubscribe", ["processed", "delivered", "unsubscribe"]),
        ("anna.bounce", ["processed", "delivered"]),
    ],
)
def test_an_address_may_ask_for_what_becomes_of_it(posting, receiver, connect, local, names):
    connect(posting).post(request(personalizations=[row(to=[{"email": f"{local}@example.com"}])]))
    assert posting.events.settle()
    seen = [f"{one['event']}:{one['type']}" if "type" in one else one["event"] for one in receiver.events]
    assert seen == names


def test_calls_verify_over_the_bytes_as_sent_and_over_no_others(posting, receiver, connect):
    connect(posting).post(request(rows=2))
    assert posting.events.settle()
    _, headers, body = receiver.calls[0]
    signed = headers[SIGNATURE_HEADER], headers[TIMESTAMP_HEADER]
    verify(posting.public_key, *signed, body, datetime.now(UTC))
    assert len(parse(body)) == 4
    assert b",\r\n" in body
    for other in (orjson.dumps(orjson.loads(body)), body.replace(b"delivered", b"delivereD", 1)):
        with pytest.raises(SignatureError):
            verify(posting.public_key, *signed, other, datetime.now(UTC))


def test_events_of_ones_own_are_signed_and_posted(posting, receiver):
    posting.events.post([{"email": "a@example.com", "event": "open", "timestamp": 1}])
    assert posting.events.settle()
    assert receiver.events == [{"email": "a@example.com", "event": "open", "timestamp": 1}]
    headers = posting.sign(b"[]", 1_800_000_000)
    at = datetime.fromtimestamp(1_800_000_000, UTC)
    verify(posting.public_key, headers[SIGNATURE_HEADER], headers[TIMESTAMP_HEADER], b"[]", at)


def test_a_thousand_messages_come_in_arrays_of_some_hundred(posting, receiver, connect):
    connect(posting).post(request(rows=1_000))
    assert posting.events.settle()
    sizes = [len(orjson.loads(body)) for _, _, body in receiver.calls]
    assert sizes == [400] * 5
    assert posting.stats()["events_posted"] == 2_000


def test_a_call_that_is_not_taken_is_tried_again_and_at_last_given_up(posting, receiver):
    receiver.statuses = [500, 302, 204]
    posting.events.post([{"event": "open"}])
    assert posting.events.settle()
    assert [orjson.loads(body) for _, _, body in receiver.calls] == [[{"event": "open"}]] * 3
    assert (posting.stats()["events_posted"], posting.stats()["events_lost"]) == (1, 0)
    receiver.statuses = [503] * 5
    posting.events.post([{"event": "click"}])
    assert posting.events.settle()
    assert (posting.stats()["events_posted"], posting.stats()["events_lost"]) == (1, 1)
    assert posting.stats()["event_calls"] == 8


def test_nobody_listening_keeps_nothing_from_stopping(tmp_path, connect):
    room = Mailroom(MailroomOptions(events_url="http://127.0.0.1:9/none"))
    room.start()
    assert connect(room).post(request(rows=1))[0] == 202
    room.stop()
    assert room.stats()["events_posted"] == 0


def test_what_is_not_taken_makes_no_events(posting, receiver, connect):
    sender = connect(posting)
    sender.post(request(mail_settings={"sandbox_mode": {"enable": True}}))
    sender.post(request(subject=""))
    posting.script_faults(faults.status(503), faults.discarded())
    sender.post(request())
    sender.post(request())
    assert posting.events.settle()
    assert receiver.calls == []


def test_a_key_from_a_file_stays_the_same_and_is_served(tmp_path, start_mailroom, connect):
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "events.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    room = start_mailroom(private_key=path)
    assert room.public_key == Signer(path).public_key
    served = connect(room).ask("GET", "/_mailroom/public-key")[2]
    assert served.decode() == room.public_key
    assert len(base64.b64decode(served)) == 91


def test_a_file_that_is_no_key_is_said_by_name_and_never_quoted(tmp_path):
    path = tmp_path / "events.pem"
    path.write_text("my secret")
    with pytest.raises(UsageError, match=r"events\.pem cannot be read") as wrong:
        Signer(path)
    assert "my secret" not in str(wrong.value)
    other = ec.generate_private_key(ec.SECP384R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(UsageError, match="P-256"):
        Signer(path)


def test_an_events_url_that_is_none_is_refused():
    with pytest.raises(UsageError, match="no web address"):
        Mailroom(MailroomOptions(events_url="letters"))


# --- scheduled mail


@pytest.mark.parametrize(
    ("processed_at", "before", "after"),
    [("hour", [], ["processed", "delivered"]), ("acceptance", ["processed"], ["delivered"])],
)
def test_scheduled_mail_has_its_events_at_its_hour_and_processed_when_the_option_says(
    receiver, start_mailroom, connect, processed_at, before, after
):
    room = start_mailroom(events_url=receiver.url, clock=NOW, processed_at=processed_at)
    hour = int(NOW) + 3_600
    assert connect(room).post(request(rows=1, send_at=hour))[0] == 202
    assert room.events.settle()
    assert [event["event"] for event in receiver.events] == before
    room.turn_clock(hour)
    assert room.events.settle()
    assert [event["event"] for event in receiver.events[len(before) :]] == after
    [processed] = [event for event in receiver.events if event["event"] == "processed"]
    assert (processed["send_at"], processed["timestamp"]) == (hour, hour if processed_at == "hour" else int(NOW))
    assert {event["bs_delivery"] for event in receiver.events} == {"0"}


def test_mail_that_is_thrown_away_has_no_events(receiver, start_mailroom, connect):
    room = start_mailroom(events_url=receiver.url, clock=NOW)
    sender = connect(room)
    batch_id = orjson.loads(sender.ask("POST", "/v3/mail/batch")[2])["batch_id"]
    sender.post(request(rows=1, send_at=int(NOW) + 3_600, batch_id=batch_id))
    sender.ask("POST", "/v3/user/scheduled_sends", orjson.dumps({"batch_id": batch_id, "status": "cancel"}))
    room.turn_clock(advance=3_600)
    assert room.stats()["discarded"] == 1
    assert room.events.settle()
    assert receiver.events == []
