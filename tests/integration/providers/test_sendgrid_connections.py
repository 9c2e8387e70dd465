"""Connections and secrets: kept alive, dropped when stale, never shared over a fork, never seen in a log."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time

import pytest

from tests.support.certificates import make_certificate
from tests.support.sockets import DEADLINE, ScriptedServer, answer, answers, read_request, wait_for_end
from tests.support.submissions import KEY, make_submission
from worker.errors import SettingsError
from worker.providers import sendgrid_connection
from worker.providers.base import Accepted, RefusalKind, Refused, Unavailable, Unknown
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_transport import CallFailed, KeepAliveClient, Transport

OK = answer(202)


def test_one_connection_serves_many_calls():
    with ScriptedServer(answers(*[OK] * 5)) as server:
        provider = SendGrid(KEY, server.url, 5)
        assert [provider.submit(make_submission()) for _ in range(5)] == [Accepted("")] * 5
        assert server.connections == 1


def test_a_connection_the_server_closed_between_calls_is_replaced():
    with ScriptedServer(answers(OK)) as server:
        provider = SendGrid(KEY, server.url, 5)
        for _ in range(3):
            assert provider.submit(make_submission()) == Accepted("")
            assert server.ended.acquire(timeout=5)
        assert server.connections == 3


def test_a_connection_that_spoke_unasked_is_replaced():
    answered, spoke = threading.Event(), threading.Event()

    def script(connection):
        read_request(connection)
        connection.sendall(OK)
        answered.wait(5)
        connection.sendall(answer(400))
        spoke.set()
        wait_for_end(connection)

    with ScriptedServer(script, answers(OK)) as server:
        provider = SendGrid(KEY, server.url, 5)
        assert provider.submit(make_submission()) == Accepted("")
        answered.set()
        assert spoke.wait(5)
        assert provider.submit(make_submission()) == Accepted("")
        assert server.connections == 2


def test_an_idle_connection_is_replaced(monkeypatch):
    with ScriptedServer(answers(OK, OK)) as server:
        provider = SendGrid(KEY, server.url, 5)
        provider.submit(make_submission())
        monkeypatch.setattr(sendgrid_connection, "IDLE_SECONDS", 0.0)
        assert provider.submit(make_submission()) == Accepted("")
        assert server.connections == 2


def test_a_connection_that_failed_is_not_used_again():
    def never(connection):
        read_request(connection)
        wait_for_end(connection)

    with ScriptedServer(never, answers(OK)) as server:
        provider = SendGrid(KEY, server.url, DEADLINE)
        assert isinstance(provider.submit(make_submission()), Unknown)
        assert provider.submit(make_submission()) == Accepted("")


def test_nothing_is_opened_before_the_first_call():
    with ScriptedServer(answers(OK)) as server:
        SendGrid(KEY, server.url, 5)
        assert server.connections == 0


def test_threads_submit_at_the_same_time():
    with ScriptedServer(answers(*[OK] * 50)) as server:
        provider = SendGrid(KEY, server.url, 5)
        said = []
        threads = [
            threading.Thread(target=lambda: said.extend(provider.submit(make_submission()) for _ in range(20)))
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said == [Accepted("")] * 120


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_child_opens_its_own_connection_and_leaves_the_parents_alone():
    with ScriptedServer(answers(*[OK] * 5)) as server:
        provider = SendGrid(KEY, server.url, 5)
        assert provider.submit(make_submission()) == Accepted("")
        child = os.fork()
        if child == 0:
            os._exit(0 if provider.submit(make_submission()) == Accepted("") else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert server.connections == 2
        assert provider.submit(make_submission()) == Accepted("")
        assert server.connections == 2


def test_proxies_in_the_environment_are_not_used(monkeypatch):
    with ScriptedServer(answers(OK)) as proxy, ScriptedServer(answers(OK)) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert SendGrid(KEY, server.url, 5).submit(make_submission()) == Accepted("")
        assert proxy.connections == 0


# --- the official client on our transport -------------------------------------------------------------------------


def client(url: str) -> KeepAliveClient:
    return KeepAliveClient(Transport(url, 5), host=url, request_headers={"Authorization": f"Bearer {KEY}"}, version=3)


def test_a_header_of_one_call_is_not_sent_with_the_next():
    received: list[bytes] = []
    with ScriptedServer(answers(OK, OK, received=received)) as server:
        fluent = client(server.url)
        fluent.mail.send.post(request_body=b"{}", request_headers={"X-Once": "1", "Authorization": "Bearer other"})
        fluent.mail.send.post(request_body=b"{}")
    assert b"X-Once" in received[0]
    assert b"X-Once" not in received[1]
    assert f"Bearer {KEY}".encode() in received[1]


def test_other_calls_of_the_api_go_the_same_way():
    received: list[bytes] = []
    with ScriptedServer(answers(answer(201, b'{"batch_id":"x"}'), answer(200, b"[]"), received=received)) as server:
        fluent = client(server.url)
        assert fluent.mail.batch.post().body == b'{"batch_id":"x"}'
        reply = fluent.user.scheduled_sends._("abc").get(query_params={"limit": 5})
        assert (reply.status_code, reply.body) == (200, b"[]")
    assert received[0].startswith(b"POST /v3/mail/batch HTTP/1.1")
    assert received[1].startswith(b"GET /v3/user/scheduled_sends/abc?limit=5 HTTP/1.1")


def test_a_path_in_the_apis_address_is_kept():
    received: list[bytes] = []
    with ScriptedServer(answers(OK, received=received)) as server:
        assert SendGrid(KEY, server.url + "/stand-in/", 5).submit(make_submission()) == Accepted("")
    assert received[0].startswith(b"POST /stand-in/v3/mail/send HTTP/1.1")


def test_the_transport_talks_to_its_own_host_only():
    with pytest.raises(ValueError, match="one host"):
        Transport("http://127.0.0.1:1", 5).request("GET", "http://127.0.0.1:12345/", {})


def test_a_failed_call_says_whether_the_request_left():
    with ScriptedServer(lambda connection: read_request(connection)) as server, pytest.raises(CallFailed) as failed:
        client(server.url).mail.send.post(request_body=b"{}")
    assert failed.value.sent_whole
    assert failed.value.__cause__ is None


# --- secrets ------------------------------------------------------------------------------------------------------


def test_no_log_at_any_level_holds_a_key_an_address_or_a_body(caplog):
    echo = b'{"errors":[{"field":"personalizations.0.to","message":"reader0@example.com is bad"}]}'
    broken_header = b"HTTP/1.1 400 Bad\r\nreader0@example.com\r\nContent-Length: 0\r\n\r\n"
    scripts = [answers(OK), answers(answer(400, echo)), answers(broken_header), answers(b"reader0@example.com\r\n")]
    for name in (None, "urllib3", "python_http_client", "python_http_client.client", "sendgrid"):
        caplog.set_level(logging.DEBUG, logger=name)
    with ScriptedServer(*scripts) as server:
        provider = SendGrid(KEY, server.url, 5)
        for _ in scripts:
            provider.submit(make_submission())
            assert server.ended.acquire(timeout=5)
    logged = "\n".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    for secret in (KEY, "SG.", "reader0", "@example", "Zoë", "preferences"):
        assert secret not in logged


def test_no_answer_and_no_exception_holds_the_key():
    with ScriptedServer(
        answers(answer(401, b'{"errors":[{"field":null,"message":"' + KEY.encode() + b' bad"}]}'))
    ) as server:
        said = SendGrid(KEY, server.url, 5).submit(make_submission())
    assert isinstance(said, Refused)
    assert said.kind is RefusalKind.ACCOUNT
    assert KEY not in said.reason


@pytest.mark.parametrize("key", ["", "SG.with space", "SG.line\nbreak", "SG.umläut"])
def test_a_key_that_is_none_is_refused_at_the_start_without_quoting_it(key, monkeypatch):
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.from-the-environment")
    with pytest.raises(SettingsError) as wrong:
        SendGrid(key, "http://127.0.0.1:1", 5)
    assert not key or key not in str(wrong.value)


def test_an_address_of_the_api_that_is_none_is_refused_at_the_start():
    with pytest.raises(SettingsError, match="SENDGRID_API_URL"):
        SendGrid(KEY, "ftp://example.com", 5)


# --- TLS ----------------------------------------------------------------------------------------------------------


def test_a_trusted_certificate_is_accepted_and_its_connection_kept(tmp_path, monkeypatch):
    certificate, context = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ScriptedServer(answers(*[OK] * 3), tls=context) as server:
        provider = SendGrid(KEY, server.url, 5)
        assert [provider.submit(make_submission(1000)) for _ in range(3)] == [Accepted("")] * 3
        assert server.connections == 1


def test_a_certificate_nobody_vouches_for_is_unavailable(tmp_path):
    _, context = make_certificate(tmp_path)
    with ScriptedServer(answers(OK), tls=context) as server:
        said = SendGrid(KEY, server.url, 5).submit(make_submission())
    assert isinstance(said, Unavailable)
    assert said.reason.startswith("TLS: the certificate was not accepted")


def test_a_certificate_for_another_host_is_unavailable(tmp_path, monkeypatch):
    certificate, context = make_certificate(tmp_path, "elsewhere.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with ScriptedServer(answers(OK), tls=context) as server:
        said = SendGrid(KEY, server.url, 5).submit(make_submission())
    assert isinstance(said, Unavailable)


def test_a_handshake_answered_in_plain_text_is_unavailable():
    def plain(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with ScriptedServer(plain) as server:
        said = SendGrid(KEY, f"https://127.0.0.1:{server.port}", 5).submit(make_submission())
    assert isinstance(said, Unavailable)
    assert said.reason.startswith("TLS failed")


def test_a_handshake_that_never_ends_is_unavailable_at_the_deadline():
    began = time.monotonic()
    with ScriptedServer(wait_for_end) as server:
        said = SendGrid(KEY, f"https://127.0.0.1:{server.port}", DEADLINE).submit(make_submission())
    assert isinstance(said, Unavailable)
    assert time.monotonic() - began < DEADLINE + 2


def test_a_large_body_that_nobody_reads_over_tls_ends_at_the_deadline(tmp_path, monkeypatch):
    certificate, context = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    began = time.monotonic()
    with ScriptedServer(lambda _: threading.Event().wait(DEADLINE + 1), tls=context, receive_buffer=4096) as server:
        said = SendGrid(KEY, server.url, DEADLINE).submit(make_submission(html="x" * 10_000_000))
    assert said == Unavailable("not sent whole within the deadline")
    assert time.monotonic() - began < DEADLINE + 2.5


def test_an_early_413_over_tls_is_found(tmp_path, monkeypatch):
    certificate, context = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def script(connection):
        connection.recv(1000)
        connection.sendall(answer(413, b"<html>", "Connection: close\r\n"))
        wait_for_end(connection)

    with ScriptedServer(script, tls=context) as server:
        said = SendGrid(KEY, server.url, 5).submit(make_submission(html="x" * 10_000_000))
    assert isinstance(said, Refused)
    assert said.kind is RefusalKind.SIZE


def test_a_dropped_connection_over_tls_after_the_body_is_unknown(tmp_path, monkeypatch):
    certificate, context = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def script(connection):
        read_request(connection)
        connection.shutdown(socket.SHUT_RDWR)

    with ScriptedServer(script, tls=context) as server:
        assert isinstance(SendGrid(KEY, server.url, 5).submit(make_submission()), Unknown)
