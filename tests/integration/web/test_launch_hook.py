"""Signed calls about a launch: who is named has converted, once; whoever cannot sign changes nothing and learns nothing."""

import json
import logging
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.support.everything import everything
from tests.support.launches import HOOK_SECRET, signed, tell, write_project
from tests.support.makers import NOW, make_subscriber
from worker.config import load_settings
from worker.domain.signed_call import TOLERANCE
from worker.errors import SettingsError
from worker.store.engine import reading, writing
from worker.store.tables import launch_calls, launch_conversions
from worker.web.app import create_app

HOOK = "/hooks/launches/groups-2026"


@pytest.fixture
def clock():
    return [NOW]


@pytest.fixture
def context(make_context, database_url, tmp_path):
    write_project(tmp_path)
    return make_context(database_url, launch_hook_secrets=f"groups-2026:{HOOK_SECRET}, gone:{HOOK_SECRET}")


@pytest.fixture
def client(context, clock):
    return create_app(context, now=lambda: clock[0]).test_client()


@pytest.fixture
def reader(context):
    with writing(context.engine) as connection:
        return make_subscriber(connection, address="Ada@example.com")


def conversions(context):
    with reading(context.engine) as connection:
        return [tuple(row) for row in connection.execute(select(launch_conversions))]


def test_a_signed_call_converts_whom_it_names_however_the_address_is_written(context, client, reader):
    answer = tell(client, {"address": " ada@EXAMPLE.com ", "order": 17})
    assert (answer.status_code, answer.text) == (204, "")
    assert conversions(context) == [("groups-2026", reader.id, "bought", NOW)]


def test_a_form_may_say_that_they_applied(context, client, reader):
    assert tell(client, {"address": "ada@example.com", "how": "applied"}).status_code == 204
    assert conversions(context)[0][2] == "applied"


def test_telling_it_again_with_a_new_signature_changes_nothing(context, client, reader, clock):
    tell(client, {"address": "ada@example.com"})
    clock[0] = NOW + timedelta(hours=3)
    assert tell(client, {"address": "ada@example.com"}, clock[0]).status_code == 204
    assert conversions(context) == [("groups-2026", reader.id, "bought", NOW)]


def test_an_address_that_is_nobodys_is_answered_the_same(context, client, reader):
    known, unknown = (tell(client, {"address": f"{name}@example.com"}) for name in ("ada", "nobody"))
    assert (known.status_code, known.data) == (unknown.status_code, unknown.data)
    assert [name for name, _ in known.headers] == [name for name, _ in unknown.headers]
    assert len(conversions(context)) == 1


def test_the_very_same_call_is_taken_once(context, client, reader, clock):
    body = json.dumps({"address": "ada@example.com"}).encode()
    headers = signed(body)
    assert client.post(HOOK, data=body, headers=headers).status_code == 204
    clock[0] = NOW + timedelta(seconds=40)
    assert client.post(HOOK, data=body, headers=headers).status_code == 409
    assert client.post("/hooks/launches/gone", data=body, headers=headers).status_code == 404
    assert len(conversions(context)) == 1


@pytest.mark.parametrize("away", [-1, 1])
def test_a_call_is_believed_for_five_minutes_and_not_a_second_longer(context, client, reader, away):
    within = tell(client, {"address": "ada@example.com"}, NOW + away * TOLERANCE)
    beyond = tell(client, {"address": "ada@example.com"}, NOW + away * (TOLERANCE + timedelta(seconds=1)))
    assert (within.status_code, beyond.status_code) == (204, 401)


def test_what_was_taken_is_forgotten_once_its_time_stamp_would_be_refused(context, client, reader, clock):
    tell(client, {"address": "ada@example.com"})
    clock[0] = NOW + timedelta(days=1)
    tell(client, {"address": "ada@example.com"}, clock[0])
    with reading(context.engine) as connection:
        assert connection.execute(select(launch_calls.c.received_at)).scalars().all() == [clock[0]]


@pytest.mark.parametrize(
    "change",
    [
        {"X-Broadsheet-Signature": "0" * 64},
        {"X-Broadsheet-Signature": ""},
        {"X-Broadsheet-Signature": "é"},
        {"X-Broadsheet-Signature": "sha512=" + "0" * 64},
        {"X-Broadsheet-Timestamp": "soon"},
        {"X-Broadsheet-Timestamp": "-1"},
        {"X-Broadsheet-Timestamp": "1" * 400},
        {"X-Broadsheet-Timestamp": str(int(NOW.timestamp()) + 1)},
    ],
)
def test_whoever_cannot_sign_changes_nothing(context, client, reader, change):
    before = everything(context.engine)
    assert tell(client, {"address": "ada@example.com"}, **change).status_code == 401
    assert everything(context.engine) == before


def test_another_secret_another_body_and_no_headers_are_refused(context, client, reader):
    assert tell(client, {"address": "ada@example.com"}, secret="x" * 40).status_code == 401
    headers = signed(b'{"address": "ada@example.com"}')
    assert client.post(HOOK, data=b'{"address": "bob@example.com"}', headers=headers).status_code == 401
    assert client.post(HOOK, data=b'{"address": "ada@example.com"}').status_code == 401
    assert conversions(context) == []


def test_the_usual_prefix_before_the_signature_is_taken(client, reader):
    body = b'{"address": "ada@example.com"}'
    headers = signed(body)
    headers["X-Broadsheet-Signature"] = "sha256=" + headers["X-Broadsheet-Signature"]
    assert client.post(HOOK, data=body, headers=headers).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 8_000,
        b'{"address": 7}',
        b'{"address": ""}',
        b'{"address": "nobody"}',
        b'{"address": "a\\u0000b@example.com"}',
        b'{"address": "\\ud800@example.com"}',
        b'{"address": "ada@example.com", "how": "gave"}',
        b'{"address": "ada@example.com", "how": ["bought"]}',
    ],
)
def test_a_body_that_names_nobody_is_told_what_to_write(context, client, reader, body):
    answer = tell(client, body)
    assert answer.status_code == 400
    assert answer.content_type.startswith("text/plain")
    assert conversions(context) == []


def test_too_large_and_compressed_bodies_are_not_read(context, client, reader):
    assert tell(client, {"address": "ada@example.com", "note": "x" * 9_000}).status_code == 413
    assert tell(client, {"address": "ada@example.com"}, **{"Content-Encoding": "gzip"}).status_code == 415
    assert conversions(context) == []


def test_a_launch_without_a_secret_is_closed_whether_it_exists_or_not(client, reader):
    assert tell(client, {"address": "ada@example.com"}, launch="groups").status_code == 403
    assert tell(client, {"address": "ada@example.com"}, launch="gone").status_code == 404
    assert client.get(HOOK).status_code == 405


def test_no_address_and_no_signature_reaches_a_log_line(client, reader, caplog):
    caplog.set_level(logging.DEBUG)
    tell(client, {"address": "ada@example.com"})
    tell(client, {"address": "nobody@example.com"}, NOW - timedelta(hours=1))
    assert "conversion taken" in caplog.text
    assert "conversion refused" in caplog.text
    assert "example.com" not in caplog.text
    assert signed(b'{"address": "ada@example.com"}')["X-Broadsheet-Signature"] not in caplog.text


def test_a_secret_may_be_changed_while_the_old_one_still_signs(make_context, database_url, tmp_path):
    write_project(tmp_path)
    old, new = "an older secret with more than thirty-two letters", "a newer secret with more than thirty-two letters"
    context = make_context(database_url, launch_hook_secrets=f"groups-2026:{old},groups-2026:{new}")
    client = create_app(context, now=lambda: NOW).test_client()
    for secret in (old, new):
        assert tell(client, {"address": "ada@example.com"}, secret=secret).status_code == 204


@pytest.mark.parametrize("written", ["alone", "groups:", ":" + "s" * 40, "groups:short", f"a:{'s' * 40},b:hidden"])
def test_a_wrong_setting_is_told_without_its_value(tmp_path, written):
    with pytest.raises(SettingsError, match="LAUNCH_HOOK_SECRETS") as told:
        load_settings(tmp_path, {"LAUNCH_HOOK_SECRETS": written})
    assert not any(word in str(told.value) for word in ("alone", "short", "hidden", "sss"))
