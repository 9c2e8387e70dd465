"""How a call can end, against real sockets: what provably never left, what was refused, and what nobody can know."""

from __future__ import annotations

import re
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sockets import (
    DEADLINE,
    ScriptedServer,
    answer,
    answers,
    closed_port,
    read_request,
    reset,
    wait_for_end,
)
from tests.support.submissions import KEY, make_submission
from worker.providers.base import Accepted, RateLimited, RefusalKind, Refused, Unavailable, Unknown, Validated
from worker.providers.sendgrid import SendGrid

BIG = "x" * 10_000_000


def provider(url: str, deadline: float = 5.0, sandbox: bool = False) -> SendGrid:
    return SendGrid(KEY, url, deadline, sandbox)


def submit_to(*scripts, deadline=5.0, submission=None, receive_buffer=0):
    with ScriptedServer(*scripts, receive_buffer=receive_buffer) as server:
        return provider(server.url, deadline).submit(submission or make_submission())


# --- accepted -----------------------------------------------------------------------------------------------------


def test_a_202_is_accepted_and_carries_the_message_id():
    assert submit_to(answers(answer(202, headers="X-Message-Id: abc.def\r\n"))) == Accepted("abc.def")


def test_a_202_whose_body_breaks_off_is_still_accepted():
    cut = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: abc\r\nContent-Length: 100\r\n\r\nhalf"
    assert submit_to(answers(cut)) == Accepted("abc")


def test_a_202_whose_body_never_ends_is_accepted_at_the_deadline():
    def script(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nX-Message-Id: abc\r\nContent-Length: 100\r\n\r\n")
        wait_for_end(connection)

    assert submit_to(script, deadline=DEADLINE) == Accepted("abc")


def test_a_202_to_half_a_request_is_still_accepted():
    def script(connection):
        connection.recv(1000)
        connection.sendall(answer(202))
        connection.shutdown(socket.SHUT_WR)
        wait_for_end(connection)

    assert submit_to(script) == Accepted("")


def test_a_200_counts_only_where_the_sandbox_was_asked_for():
    with ScriptedServer(answers(answer(200))) as server:
        assert provider(server.url, sandbox=True).submit(make_submission()) == Validated()
        assert provider(server.url).submit(make_submission(sandbox=True)) == Validated()
        assert isinstance(provider(server.url).submit(make_submission()), Unknown)


def test_the_request_is_the_payload_with_the_key_and_one_content_length():
    received: list[bytes] = []
    with ScriptedServer(answers(answer(202), received=received)) as server:
        provider(server.url).submit(make_submission())
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v3/mail/send HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}".encode() in head
    assert b"Content-Type: application/json" in head
    assert head.lower().count(b"content-length:") == 1
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b'{"personalizations"')


# --- never left whole ---------------------------------------------------------------------------------------------


def test_a_refused_port_is_unavailable():
    assert provider(f"http://127.0.0.1:{closed_port()}").submit(make_submission()) == Unavailable("connection refused")


def test_an_unknown_host_is_unavailable():
    said = provider("http://no-such-host.invalid").submit(make_submission())
    assert said == Unavailable("the API's host name could not be resolved")


def test_a_listener_that_never_accepts_is_unavailable_within_the_connect_time():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        try:
            for _ in range(4):  # fill the backlog: further connection requests are left unanswered
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
                fillers.append(filler)
            began = time.monotonic()
            said = provider(f"http://127.0.0.1:{listener.getsockname()[1]}", deadline=DEADLINE).submit(
                make_submission()
            )
            assert said == Unavailable("no connection within the time-out")
            assert time.monotonic() - began < DEADLINE + 2
        finally:
            for filler in fillers:
                filler.close()


def test_a_reset_in_the_middle_of_a_large_body_is_unavailable():
    def script(connection):
        connection.recv(1000)
        reset(connection)

    said = submit_to(script, submission=make_submission(html=BIG))
    assert isinstance(said, Unavailable)
    assert "before the request had left whole" in said.reason


def test_a_body_that_nobody_reads_is_unavailable_at_the_deadline():
    began = time.monotonic()
    said = submit_to(
        lambda connection: threading.Event().wait(DEADLINE + 1),
        deadline=DEADLINE,
        submission=make_submission(html=BIG),
        receive_buffer=4096,
    )
    assert said == Unavailable("not sent whole within the deadline")
    assert time.monotonic() - began < DEADLINE + 2.5


def test_a_503_to_half_a_request_is_unavailable():
    def script(connection):
        connection.recv(1000)
        connection.sendall(answer(503))
        connection.shutdown(socket.SHUT_WR)
        connection.close()

    said = submit_to(script, submission=make_submission(html=BIG))
    assert isinstance(said, Unavailable)


# --- refused early ------------------------------------------------------------------------------------------------


def test_a_413_while_the_body_is_still_being_sent_is_refused_for_its_size():
    def script(connection):
        connection.recv(1000)
        connection.sendall(answer(413, b"<html>413</html>", "Connection: close\r\n"))
        connection.shutdown(socket.SHUT_WR)
        wait_for_end(connection)  # a lingering close, as nginx does it

    said = submit_to(script, submission=make_submission(html=BIG))
    assert isinstance(said, Refused)
    assert (said.kind, said.status) == (RefusalKind.SIZE, 413)


def test_a_413_to_a_body_that_nobody_reads_is_found_at_the_deadline():
    def script(connection):
        connection.recv(1000)
        connection.sendall(answer(413, b"<html>413</html>", "Connection: close\r\n"))
        threading.Event().wait(DEADLINE + 1)

    said = submit_to(script, submission=make_submission(html=BIG), deadline=DEADLINE, receive_buffer=4096)
    assert isinstance(said, Refused)
    assert said.kind is RefusalKind.SIZE


# --- nobody can know ----------------------------------------------------------------------------------------------


def test_a_server_that_reads_and_closes_is_unknown():
    assert submit_to(lambda connection: read_request(connection)) == Unknown(
        "the connection was closed without an answer"
    )


def test_a_server_that_reads_and_resets_is_unknown():
    def script(connection):
        read_request(connection)
        reset(connection)

    assert submit_to(script) == Unknown("the connection was reset")


def test_a_server_that_reads_ten_megabytes_and_resets_is_unknown():
    def script(connection):
        read_request(connection)
        reset(connection)

    assert isinstance(submit_to(script, submission=make_submission(html=BIG)), Unknown)


def test_a_server_that_never_answers_is_unknown_at_the_deadline():
    began = time.monotonic()
    said = submit_to(lambda connection: wait_for_end(connection), deadline=DEADLINE)
    assert said == Unknown("no complete answer within the deadline")
    assert DEADLINE - 0.05 < time.monotonic() - began < DEADLINE + 2


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 400 Bad\r\nContent-Length: 5000\r\n\r\n"])
def test_a_server_that_trickles_does_not_stretch_the_deadline(start):
    def script(connection):
        read_request(connection)
        connection.sendall(start or b"HTTP/1.1 2")
        while True:
            connection.sendall(b" ")
            threading.Event().wait(0.02)

    began = time.monotonic()
    assert isinstance(submit_to(script, deadline=DEADLINE), Unknown)
    assert DEADLINE - 0.05 < time.monotonic() - began < DEADLINE + 2


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 408, 204, 201, 206])
def test_statuses_that_say_nothing_are_unknown(status):
    said = submit_to(answers(answer(status, b"" if status == 204 else b"<html>reader@example.com</html>")))
    assert isinstance(said, Unknown)
    assert said.status == status
    assert "@" not in said.reason


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00\x01\x02\x03" * 100,
        b"HTTP/1.1 abc Nonsense\r\n\r\n",
        b"HTTP/1.1 20",
        b"HTTP/1.1 202" + b"x" * 100_000,
        b"\r\n\r\n",
        b"HTTP/1.1 400 Bad\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_garbage_and_answers_that_break_off_are_unknown(text):
    assert isinstance(submit_to(answers(text)), Unknown)


# --- read no further ----------------------------------------------------------------------------------------------


def test_an_endless_answer_is_read_to_a_bound_and_dropped():
    def script(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    began = time.monotonic()
    said = submit_to(script, deadline=8)
    assert isinstance(said, Refused)
    assert said.kind is RefusalKind.UNNAMED
    assert time.monotonic() - began < 5


def test_a_redirect_is_not_followed_and_the_other_host_gets_nothing():
    with ScriptedServer(answers(answer(202))) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            moved = answer(status, headers=f"Location: {elsewhere.url}/v3/mail/send\r\n")
            said = submit_to(answers(moved))
            assert isinstance(said, Refused)
            assert (said.kind, said.status) == (RefusalKind.ACCOUNT, status)
            assert "SENDGRID_API_URL" in said.reason
        assert elsewhere.connections == 0


def test_a_429_is_rate_limited_and_never_tried_again_here():
    with ScriptedServer(
        answers(*[answer(429, b'{"errors":[{"field":null,"message":"too many requests"}]}')] * 3)
    ) as server:
        received: list[bytes] = []
        server.scripts = (answers(answer(429), answer(429), received=received),)
        assert provider(server.url).submit(make_submission()) == RateLimited(None)
        assert len(received) == 1


# --- whatever comes back ------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        b"HTTP/1.1 202 Accepted",
        b"HTTP/1.1 400 Bad Request",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.0 200 OK",
        b"HTTP/1.1 999 x",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"Content-Length: 3",
        b"Content-Length: -1",
        b"Content-Length: 99999999999999999999",
        b"Transfer-Encoding: chunked",
        b"Content-Encoding: gzip",
        b"Connection: close",
        b": no name",
        b"3\r\nabc\r\n0\r\n\r\n",
        b'{"errors":[{"field":"personalizations.0.to","message":"reader0@example.com"}]}',
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces | st.binary(max_size=30), max_size=12))
def test_no_bytes_a_server_can_send_raise_or_pass_for_acceptance(parts):
    text = b"".join(parts)
    with ScriptedServer(answers(text)) as server:
        said = provider(server.url).submit(make_submission())
    assert isinstance(said, Accepted | Refused | RateLimited | Unknown)
    if isinstance(said, Accepted):
        assert re.search(rb"HTTP/1\.[01]\s+202", text)
    if isinstance(said, Refused):
        assert "@" not in said.reason + "".join(said.rows.values())


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
def test_a_host_is_reached_by_any_of_its_addresses(host):
    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    try:
        listener = socket.create_server(("::1" if host == "[::1]" else "127.0.0.1", 0), family=family)
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")

    def serve():
        connection, _ = listener.accept()
        with connection:
            read_request(connection)
            connection.sendall(answer(202))

    with listener:
        server = threading.Thread(target=serve)
        server.start()
        said = provider(f"http://{host}:{listener.getsockname()[1]}").submit(make_submission())
        server.join(5)
    assert said == Accepted("")
