"""Bodies nobody should send, signed or not, on the event route: refused or absorbed, never a 500, never unpacked."""

import gzip
import json
import zlib
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.integration.web.test_event_route import event, kept
from tests.support.makers import NOW
from worker.errors import SettingsError
from worker.providers.sendgrid_payload import DELIVERY_ARG, SUBMISSION_ARG
from worker.providers.sendgrid_signature import TOLERANCE
from worker.store.engine import reading
from worker.store.tables import events
from worker.web.app import create_app
from worker.web.webhook import EVENTS_LIMIT

URL = "/webhooks/sendgrid"
STAMP = int(NOW.timestamp())


def post(client, sender, body, at=NOW, **headers):
    return client.post(URL, data=body, headers=sender.headers(body, at) | headers).status_code


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_a_compressed_body_is_refused_unread_even_when_it_is_signed(client, sender, context, encoding):
    body = gzip.compress(json.dumps([event()]).encode())
    assert post(client, sender, body, **{"Content-Encoding": encoding}) == 415
    assert kept(context) == 0


def test_a_bomb_is_never_unpacked(client, sender, context):
    bomb = zlib.compress(b"[" + b" " * 50_000_000 + b"]")
    assert post(client, sender, bomb, **{"Content-Encoding": "deflate"}) == 415
    assert post(client, sender, bomb) == 400
    assert kept(context) == 0


def test_a_body_that_says_it_is_not_compressed_is_taken(client, sender):
    assert post(client, sender, json.dumps([event()]).encode(), **{"Content-Encoding": "identity"}) == 204


def test_ten_megabytes_are_refused(client, sender, context):
    assert post(client, sender, b"[" + b" " * (EVENTS_LIMIT + 2_000_000) + b"]") == 413
    assert kept(context) == 0


def test_a_hundred_thousand_events_in_one_call_are_taken_and_one_more_is_refused(client, sender, context):
    many = b"[" + b",".join(b'{"event":"open","sg_event_id":"%d"}' % number for number in range(100_000)) + b"]"
    assert post(client, sender, many) == 204
    assert kept(context) == 100_000
    assert post(client, sender, many[:-1] + b",{}]") == 400


@pytest.mark.parametrize("depth", [200, 300, 1_000, 1_020, 3_000, 100_000])
def test_nesting_is_absorbed_or_refused(client, sender, depth):
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        whole = opened * depth + b"1" + closed * depth
        assert post(client, sender, whole) in (204, 400)
        assert post(client, sender, b'[{"event":' + whole + b"}]") in (204, 400)
        assert post(client, sender, b'[{"event":"open","email":"a@b.example","timestamp":' + whole + b"}]") in (
            204,
            400,
        )


ODD = [
    b'[{"event":"bounce","type":"bounce","email":"ada@example.com","timestamp":NaN}]',
    b'[{"event":"bounce","type":"bounce","email":"ada@example.com","timestamp":Infinity}]',
    b'[{"event":"bounce","type":"bounce","email":"ada@example.com","timestamp":-1e308}]',
    b'[{"event":"bounce","type":"bounce","email":"ada@example.com","timestamp":1e400}]',
    b'[{"event":"bounce","email":"ada@example.com","timestamp":' + b"9" * 4_000 + b"}]",
    b'[{"event":"bounce","email":"ada@example.com","bs_delivery":' + b"9" * 40 + b',"timestamp":1}]',
    b'[{"event":"delivered","event":"spamreport","email":"ada@example.com","email":"zoe@example.com"}]',
    b'[{"event":"spamreport","email":"\\ud800@example.com","timestamp":1},{"event":"open","reason":"\\udfff"}]',
    b'[{"event":"spamreport","email":"a@\\ud800.example","timestamp":1,"bs_submission":"\\ud800"}]',
    b'[{"event":"spamreport","email":"a@' + b"x" * 300 + b'.example","timestamp":1}]',
    b'[{"event":"open","email":"\\u0000","url":"\\u0000","sg_event_id":"\\u0000"}]',
    b'[{"event":{"a":1},"email":["x"],"timestamp":{},"url_offset":[1],"type":7,"reason":false,"status":5}]',
    b'[{"event":"dropped","reason":["Bounced Address"],"email":"ada@example.com"}]',
    b'[1,null,true,"x",[],[{"event":"open"}],{}]',
    b"7",
    b'"text"',
    b"null",
    b"{}",
    b"[]",
    b"\xef\xbb\xbf[]",
    b'[{"event":"open","email":"\xff\xfe"}]',
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_odd_values_are_absorbed_or_refused(client, sender, body):
    assert post(client, sender, body) in (204, 400)


def test_numbers_longer_than_python_reads_are_refused(client, sender):
    assert post(client, sender, b"[" + b"9" * 100_000 + b"]") in (204, 400)


def test_a_copy_with_another_id_and_another_signature_adds_nothing(client, sender, context):
    happened = event("bounce", reason="550", **{DELIVERY_ARG: "5", SUBMISSION_ARG: "s", "sg_message_id": "m.1"})
    foreign = event("click", url="https://example.com/", **{"sg_message_id": "m.2"})
    for number in range(5):
        at = NOW - timedelta(hours=number)
        told = [happened | {"sg_event_id": f"new-{number}"}, foreign | {"sg_event_id": f"newer-{number}"}]
        assert post(client, sender, json.dumps(told, indent=number).encode(), at) == 204
    assert kept(context) == 2


def test_what_differs_in_kind_time_link_or_reader_is_an_event_of_its_own(client, sender, context):
    base = event("click", url="https://example.com/", **{DELIVERY_ARG: "5", SUBMISSION_ARG: "s"})
    others = [{"event": "open"}, {"timestamp": STAMP + 1}, {"url": "https://example.com/2"}, {DELIVERY_ARG: "6"}]
    assert post(client, sender, json.dumps([base] + [base | one for one in others]).encode()) == 204
    assert kept(context) == 5


def test_a_call_is_taken_up_to_the_stated_age_and_not_beyond(client, sender):
    assert timedelta(hours=24) < TOLERANCE
    body = json.dumps([event()]).encode()
    assert post(client, sender, body, NOW - TOLERANCE) == 204
    assert post(client, sender, body, NOW - TOLERANCE - timedelta(seconds=1)) == 401
    assert post(client, sender, body, NOW + TOLERANCE + timedelta(seconds=1)) == 401


def test_the_age_can_be_set(make_context, sqlite_url, sender):
    given = {"sendgrid_webhook_public_key": sender.public_key, "event_tolerance_hours": 1}
    client = create_app(make_context(sqlite_url, **given), now=lambda: NOW).test_client()
    body = json.dumps([event()]).encode()
    assert post(client, sender, body, NOW - timedelta(minutes=59)) == 204
    assert post(client, sender, body, NOW - timedelta(minutes=61)) == 401


@pytest.mark.parametrize("form", ["url", "unpadded", "escaped", "pem", "crlf", "quoted"])
def test_the_route_opens_with_the_key_in_any_form(make_context, sqlite_url, sender, form):
    key = sender.public_key
    pasted = {
        "url": key.replace("+", "-").replace("/", "_"),
        "unpadded": key.rstrip("="),
        "escaped": f"-----BEGIN PUBLIC KEY-----\\n{key[:64]}\\n{key[64:]}\\n-----END PUBLIC KEY-----\\n",
        "pem": f"-----BEGIN PUBLIC KEY-----\n{key[:64]}\n{key[64:]}\n-----END PUBLIC KEY-----\n",
        "crlf": f"-----BEGIN PUBLIC KEY-----\r\n{key[:64]}\r\n{key[64:]}\r\n-----END PUBLIC KEY-----\r\n",
        "quoted": f'" {key[:9]} {key[9:]} "',
    }[form]
    client = create_app(make_context(sqlite_url, sendgrid_webhook_public_key=pasted), now=lambda: NOW).test_client()
    assert post(client, sender, json.dumps([event()]).encode()) == 204


@pytest.mark.parametrize("key", ["nonsense", "-----BEGIN PUBLIC KEY-----", "AAAA", "=", "\u2603" * 40])
def test_a_key_that_is_none_stops_the_start(make_context, sqlite_url, key):
    with pytest.raises(SettingsError, match="SENDGRID_WEBHOOK_PUBLIC_KEY"):
        create_app(make_context(sqlite_url, sendgrid_webhook_public_key=key))


_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["bounce", "dropped"])
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_NAMES = (
    "event email timestamp type reason status url url_offset attempt sg_event_id sg_message_id bounce_classification"
)
_fields = st.sampled_from([*_NAMES.split(), DELIVERY_ARG, SUBMISSION_ARG])
_calls = st.lists(st.dictionaries(_fields, _values, max_size=10) | _values, max_size=6)
_bodies = (
    st.binary(max_size=200)
    | _calls.map(lambda call: json.dumps(call).encode())
    | _values.map(lambda value: json.dumps(value).encode())
)


@pytest.fixture
def sqlite_client(make_context, sqlite_url, sender):
    return create_app(
        make_context(sqlite_url, sendgrid_webhook_public_key=sender.public_key), now=lambda: NOW
    ).test_client()


@given(body=_bodies)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_at_all_is_answered_with_a_500(sqlite_client, sender, body):
    assert post(sqlite_client, sender, body) in (204, 400)


@given(call=_calls)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_call_is_answered_with_a_500_on_either_database_and_its_copy_adds_nothing(client, context, sender, call):
    body = json.dumps(call).encode()
    assert post(client, sender, body) == 204
    with reading(context.engine) as connection:
        before = connection.execute(select(func.count()).select_from(events)).scalar_one()
    assert post(client, sender, body) == 204
    assert kept(context) == before
