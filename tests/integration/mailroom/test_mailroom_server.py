"""The mailroom over HTTP, when nothing is scripted to go wrong."""

import gzip
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import orjson
import pytest

from tests.support.mail_requests import request, row
from tests.support.mailroom import HEADERS, kept_messages, messages, messages_to
from worker.errors import ServerError, UsageError
from worker.mailroom.server import Mailroom, MailroomOptions


def errors(body):
    return [(one["field"], one["message"]) for one in orjson.loads(body)["errors"]]


def test_a_valid_request_is_answered_202_with_an_id_and_nothing_else(mailroom, sender):
    status, headers, body = sender.post(request(rows=2))
    assert (status, body) == (202, b"")
    assert {one["message_id"] for one in messages(mailroom)} == {headers["X-Message-Id"]}
    [message] = messages_to(mailroom, "READER1@example.com")
    assert (message["subject"], message["html"]) == ("Hello Zoë", "<p>Hello Zo&euml;</p>")
    assert message["submission"] == "abc"


def test_what_was_kept_is_in_the_file_before_the_answer_is(mailroom, sender):
    for count in (1, 2, 3):
        sender.post(request(rows=1))
        assert mailroom.inbox.path.read_bytes().count(b"\n") == count


def test_many_requests_go_over_one_connection(mailroom, sender):
    ports = set()
    for _ in range(5):
        assert sender.post(request(rows=1))[0] == 202
        ports.add(sender.connection.sock.getsockname())
    assert len(ports) == 1
    assert mailroom.stats()["duplicates"] == 4


def test_problems_are_named_field_by_field_and_nothing_is_kept(mailroom, sender):
    body = request(personalizations=[row(0), row(1, to=[{"email": "nobody"}])], subject="")
    status, headers, answer = sender.post(body)
    assert (status, headers["Content-Type"]) == (400, "application/json")
    assert [field for field, _ in errors(answer)] == ["subject", "personalizations.1.to.0.email"]
    assert messages(mailroom) == []
    assert mailroom.stats()["messages"] == 0


def test_sandbox_mode_answers_200_and_keeps_nothing(mailroom, sender):
    status, headers, body = sender.post(request(mail_settings={"sandbox_mode": {"enable": True}}))
    assert (status, body, headers["X-Message-Id"]) == (200, b"", None)
    assert mailroom.stats()["accepted"] == 0
    assert messages(mailroom) == []


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer None", "Basic eDp5", "SG.a-key"])
def test_without_a_bearer_key_the_answer_is_401(sender, given):
    status, _, body = sender.post(request(), {**HEADERS, "Authorization": given})
    assert (status, errors(body)[0][0]) == (401, None)


def test_with_keys_given_no_other_is_taken(start_mailroom, connect):
    sender = connect(start_mailroom(api_keys=("SG.one", "SG.two")))
    answers = [
        sender.post(request(), {**HEADERS, "Authorization": f"Bearer {key}"})[0]
        for key in ("SG.one", "SG.two", "SG.three", "SG.one.more")
    ]
    assert answers == [202, 202, 401, 401]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=utf-8"}, 400),
        (gzip.compress(b"{}", mtime=0), {"Content-Encoding": "gzip"}, 415),
        (b'{"subject": "\xff"}', {}, 415),
        (b'{"subject": ', {}, 400),
        (b"", {}, 400),
        (b"[]", {}, 400),
        (b"null", {}, 400),
    ],
)
def test_what_is_no_json_object_is_refused(mailroom, sender, body, headers, status):
    assert sender.post(body, {**HEADERS, **headers})[0] == status
    assert mailroom.stats()["answers"] == {str(status): 1}


def test_30_megabytes_are_refused_in_html_and_a_little_less_is_read(sender):
    status, headers, body = sender.post(b" " * (30 * 1024 * 1024))
    assert (status, headers["Content-Type"]) == (413, "text/html")
    assert b"<html>" in body
    assert sender.post(b" " * (30 * 1024 * 1024 - 1))[0] == 400


def test_a_chunked_body_is_read_like_any_other(mailroom, sender):
    content = orjson.dumps(request(rows=2))
    sender.connection.request("POST", "/v3/mail/send", iter([content[:10], content[10:]]), HEADERS, encode_chunked=True)
    answer = sender.connection.getresponse()
    answer.read()
    assert answer.status == 202
    assert sender.post(request(rows=1))[0] == 202
    assert len(messages(mailroom)) == 3


def test_a_head_that_arrives_byte_by_byte_and_two_requests_in_one_piece_are_understood(mailroom):
    content = orjson.dumps(request(rows=1))
    head = "".join(f"{name}: {value}\r\n" for name, value in {**HEADERS, "Content-Length": len(content)}.items())
    whole = f"POST /v3/mail/send HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode() + content
    port = int(mailroom.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for byte in whole[:200]:
            connection.sendall(bytes([byte]))
        connection.sendall(whole[200:] + whole)
        read = b""
        while read.count(b"HTTP/1.1 202") < 2:
            read += connection.recv(4096)
    assert mailroom.stats()["messages"] == 2


@pytest.mark.parametrize(
    "sent", [b"hello\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"GET / HTTP/1.1\r\nx\r\n\r\n", b"x" * 70_000]
)
def test_what_is_no_http_gets_400_and_is_cut_off(mailroom, sent):
    port = int(mailroom.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_unknown_paths_and_methods_are_404_and_405(sender):
    assert sender.ask("GET", "/v3/mail/send")[0] == 405
    assert sender.ask("POST", "/v3/nowhere", b"{}")[0] == 404
    assert sender.ask("GET", "/nowhere")[0] == 404


def test_counts_are_served(mailroom, sender):
    sender.post(request(rows=2))
    sender.post(request(rows=1))
    sender.post(b"{}")
    counts = orjson.loads(sender.ask("GET", "/_mailroom/stats")[2])
    assert counts == mailroom.stats()
    assert (counts["requests"], counts["messages"], counts["addresses"], counts["duplicates"]) == (3, 3, 2, 1)
    assert counts["answers"] == {"202": 2, "400": 1}
    addresses = orjson.loads(sender.ask("GET", "/_mailroom/addresses")[2])
    assert addresses == {"reader0@example.com": 2, "reader1@example.com": 1}
    assert sender.ask("GET", "/_mailroom/duplicates")[2] == b'["0"]'
    assert sender.ask("DELETE", "/_mailroom/stats")[0] == 204
    assert mailroom.stats()["requests"] == mailroom.stats()["duplicates"] == 0


def test_counting_only_keeps_nothing(start_mailroom, connect):
    room = start_mailroom(keep=None)
    sender = connect(room)
    assert sender.post(request(rows=2))[0] == 202
    assert room.stats()["messages"] == 2
    assert b"No mail yet" in sender.ask("GET", "/")[2]


def test_latency_does_not_make_connections_wait_for_each_other(start_mailroom, connect):
    room = start_mailroom(latency_seconds=0.3)
    senders = [connect(room) for _ in range(8)]
    begun = time.monotonic()
    threads = [threading.Thread(target=one.post, args=(request(rows=1),)) for one in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.3 <= time.monotonic() - begun < 1.5  # one after the other it would be 2.4
    assert room.stats()["messages"] == 8


def test_another_host_name_cannot_read_the_inbox(sender):
    headers = {**HEADERS, "Host": "evil.example.com"}
    assert sender.ask("GET", "/", headers=headers)[0] == 421
    assert sender.ask("POST", "/_mailroom/faults", b"[]", headers=headers)[0] == 421


def test_stopping_is_quick_with_connections_open_and_a_sender_in_the_middle(tmp_path):
    room = Mailroom(MailroomOptions(keep=tmp_path))
    room.start()
    port = int(room.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as idle, socket.create_connection(("127.0.0.1", port)) as half:
        idle.sendall(b"GET /_mailroom/stats HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")
        half.sendall(b"POST /v3/mail/send HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        room.stop()
        assert time.monotonic() - begun < 2
        assert idle.recv(1) == b""
    room.stop()


def test_a_taken_port_is_said_with_what_to_do(mailroom):
    port = int(mailroom.url.rpartition(":")[2])
    with pytest.raises(ServerError, match=rf"port {port}[\s\S]*another port"):
        Mailroom(MailroomOptions(port=port)).start()


def test_it_listens_on_this_machine_alone():
    with pytest.raises(UsageError, match="this machine alone"):
        MailroomOptions(host="0.0.0.0")


def test_as_a_process_it_says_where_it_is_tells_no_key_and_ends_on_sigterm(tmp_path):
    arguments = ["--api-key", "SG.secret", "--keep", str(tmp_path / "mail")]
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.mailroom", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        first = process.stdout.readline()
        url = first.split()[-1]
        headers = {**HEADERS, "Authorization": "Bearer SG.secret"}
        sent = urllib.request.Request(f"{url}/v3/mail/send", orjson.dumps(request(rows=2)), headers)
        with urllib.request.urlopen(sent) as answer:
            assert answer.status == 202
        os.kill(process.pid, signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "SG.secret" not in first + rest
    assert [one["number"] for one in kept_messages(tmp_path / "mail")] == [0, 1]
