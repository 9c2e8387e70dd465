"""The event webhook: what verifies, what does not, and what each event becomes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.event import DropReason, EventType
from worker.errors import SignatureError
from worker.providers.sendgrid_events import parse
from worker.providers.sendgrid_signature import TOLERANCE, verification_key, verify

NOW = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'[{"email":"reader@example.com" ,\r\n "event":"open"}]\r\n'
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def pasted(private=PRIVATE) -> str:
    return base64.b64encode(
        private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).decode()


def sign(body: bytes = BODY, stamp: str = STAMP, private=PRIVATE) -> str:
    return base64.b64encode(private.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()


PUBLIC = pasted()


def refused(public=PUBLIC, signature: str | None = "", stamp: str | None = STAMP, body=BODY, now=NOW) -> bool:
    try:
        verify(public, sign() if signature == "" else signature, stamp, body, now)
    except SignatureError:
        return True
    return False


def test_a_signed_body_with_line_ends_and_odd_spacing_verifies():
    assert not refused()


@pytest.mark.parametrize(
    "form",
    [
        "{}\n",
        "  {}  ",
        '"{}"',
        "'{}'",
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\\n{}\\n-----END PUBLIC KEY-----",
        "\ufeff{}\r\n",
    ],
)
def test_the_key_is_taken_in_whatever_form_it_was_pasted(form):
    assert not refused(public=form.format(PUBLIC))
    assert not refused(public=form.format(f"{PUBLIC[:64]}\r\n {PUBLIC[64:]}"))


@pytest.mark.parametrize("place", [0, 10, len(BODY) - 1])
def test_one_changed_byte_does_not_verify(place):
    changed = bytearray(BODY)
    changed[place] ^= 1
    assert refused(body=bytes(changed))


def test_a_body_without_its_line_ends_does_not_verify():
    assert refused(body=BODY.replace(b"\r\n", b""))


@pytest.mark.parametrize(
    "signature",
    [
        None,
        " ",
        "x",
        "====",
        "AAAA",
        "ünsigned",
        # A name, for xdist needs the same ones in each of its processes.
        pytest.param(sign(private=ec.generate_private_key(ec.SECP256R1())), id="somebody else's"),
    ],
)
def test_a_missing_or_wrong_signature_does_not_verify(signature):
    assert refused(signature=signature)


@pytest.mark.parametrize("stamp", [None, "", "yesterday", "-5", "1e9", STAMP + "0", " " + STAMP, "٣" * 10])
def test_a_missing_or_wrong_timestamp_does_not_verify(stamp):
    assert refused(stamp=stamp)


def test_an_empty_body_verifies_only_with_its_own_signature():
    assert refused(body=b"")
    assert not refused(body=b"", signature=sign(b""))


@pytest.mark.parametrize("far", [TOLERANCE + timedelta(seconds=1), -TOLERANCE - timedelta(seconds=1)])
def test_a_replayed_call_is_refused_when_it_is_too_old(far):
    assert refused(now=NOW + far)
    assert not refused(now=NOW + far * 0.99)


def other_keys():
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return [
        "",
        "   ",
        "no key",
        "AAAA",
        PUBLIC[:-8],
        PUBLIC[8:],
        pasted(ec.generate_private_key(ec.SECP384R1())),
        pasted(rsa_key),
    ]


@pytest.mark.parametrize("number", range(8))
def test_a_key_that_is_none_verifies_nothing_and_says_which_setting(number):
    public = other_keys()[number]
    assert refused(public=public)
    with pytest.raises(SignatureError, match="SENDGRID_WEBHOOK_PUBLIC_KEY"):
        verification_key(public)


@given(public=st.text(), signature=st.none() | st.text(), stamp=st.none() | st.text(), body=st.binary())
def test_whatever_comes_is_refused_with_one_error(public, signature, stamp, body):
    assert refused(public=public, signature=signature or None, stamp=stamp, body=body)
    assert refused(signature=signature or None, stamp=stamp, body=body)


# --- parsing ------------------------------------------------------------------------------------------------------


def make_item(**fields):
    item = {
        "email": "reader@example.com",
        "timestamp": int(NOW.timestamp()),
        "event": "delivered",
        "sg_event_id": "ev-1",
        "sg_message_id": "abc.recvd-1",
        "bs_delivery": "1001",
        "bs_submission": "sub_7f3a",
    }
    return item | fields


def only(**fields):
    (event,) = parse(orjson.dumps([make_item(**fields)]))
    return event


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("processed", EventType.PROCESSED),
        ("deferred", EventType.DEFERRED),
        ("delivered", EventType.DELIVERED),
        ("open", EventType.OPENED),
        ("click", EventType.CLICKED),
        ("spamreport", EventType.COMPLAINED),
        ("unsubscribe", EventType.UNSUBSCRIBED),
        ("group_unsubscribe", EventType.UNSUBSCRIBED),
        ("group_resubscribe", EventType.RESUBSCRIBED),
        ("account_status_change", EventType.UNKNOWN),
        ("", EventType.UNKNOWN),
        (None, EventType.UNKNOWN),
        (7, EventType.UNKNOWN),
    ],
)
def test_each_kind_of_event_has_its_type_and_unknown_ones_are_kept(name, kind):
    assert only(event=name).type is kind


@pytest.mark.parametrize(
    ("bounce_type", "kind"),
    [
        ("bounce", EventType.BOUNCED),
        (None, EventType.BOUNCED),
        ("blocked", EventType.BLOCKED),
        ("Blocked", EventType.BLOCKED),
        ("expired", EventType.BLOCKED),
    ],
)
def test_a_blocked_bounce_is_no_hard_bounce(bounce_type, kind):
    assert only(event="bounce", type=bounce_type).type is kind


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("Bounced Address", DropReason.BOUNCED),
        ("Unsubscribed Address", DropReason.UNSUBSCRIBED),
        ("Spam Reporting Address", DropReason.COMPLAINED),
        ("Invalid", DropReason.INVALID),
        ("Spam Content (if Spam Checker app enabled)", DropReason.CONTENT),
        ("Invalid SMTPAPI header", DropReason.HEADER),
        ("Recipient List over Package Quota", DropReason.QUOTA),
        ("something new", DropReason.OTHER),
        (None, DropReason.OTHER),
    ],
)
def test_each_reason_of_a_drop_has_its_meaning(reason, meaning):
    assert only(event="dropped", reason=reason).drop_reason is meaning


def test_an_event_carries_our_own_ids_back():
    event = only(event="click", url="https://example.com/x")
    assert (event.delivery_id, event.submission_key) == (1001, "sub_7f3a")
    assert (event.at, event.address, event.url) == (NOW, "reader@example.com", "https://example.com/x")


@pytest.mark.parametrize("value", [None, "", "abc", "-1", 1.5, True, [], {}, "9" * 30, 2**80])
def test_a_delivery_id_that_is_none_reads_as_none(value):
    event = parse(json.dumps([make_item(bs_delivery=value)]).encode())[0]
    assert event.delivery_id is None


@pytest.mark.parametrize("value", [None, "", "soon", [], "nan", "1e400", -1e30])
def test_a_time_that_is_none_reads_as_the_epoch(value):
    assert only(timestamp=value).at == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_time_in_milliseconds_or_in_quotes_is_read():
    assert only(timestamp=int(NOW.timestamp() * 1000)).at == NOW
    assert only(timestamp=STAMP).at == NOW


def test_what_is_no_event_does_not_cost_the_others():
    body = orjson.dumps([None, 5, "x", [], make_item(), {}, make_item(event="bounce", category=["a", "b"])])
    assert [event.type for event in parse(body)] == [EventType.DELIVERED, EventType.UNKNOWN, EventType.BOUNCED]


def test_bytes_that_are_no_utf8_and_halves_of_characters_are_read():
    (event,) = parse(b'[{"event":"delivered","email":"r\xff@example.com","reason":"\\ud800","bs_delivery":"5"}]')
    assert event.delivery_id == 5
    event.reason.encode()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[{", b"[" * 100_000])
def test_a_body_that_is_no_json_is_an_error_so_that_it_comes_again(body):
    with pytest.raises(ValueError, match="not JSON"):
        parse(body)


@pytest.mark.parametrize("body", [b"null", b"5", b"[]", b'"x"'])
def test_json_without_events_holds_none(body):
    assert parse(body) == []


def test_copies_of_an_event_share_a_key_whatever_id_they_carry():
    click = {"event": "click", "url": "https://example.com/", "url_offset": {"index": 0, "type": "html"}}
    assert only(**click).dedupe_key == only(**click, sg_event_id="ev-2", sg_message_id=None).dedupe_key


@pytest.mark.parametrize(
    "change",
    [
        {"event": "open"},
        {"timestamp": 1},
        {"url": "https://example.com/other"},
        {"url_offset": {"index": 1, "type": "html"}},
        {"bs_delivery": "1002"},
        {"bs_submission": "sub_other"},
        {"attempt": "2"},
        {"type": "blocked"},
    ],
)
def test_different_events_have_different_keys(change):
    assert only().dedupe_key != only(**change).dedupe_key


def test_foreign_mail_is_told_apart_by_address_and_message():
    foreign = {"bs_delivery": None, "bs_submission": None}
    assert only(**foreign).dedupe_key == only(**foreign, sg_event_id="ev-2").dedupe_key
    assert only(**foreign).dedupe_key != only(**foreign, email="other@example.com").dedupe_key
    nameless = foreign | {"email": None}
    assert only(**nameless).dedupe_key != only(**nameless, sg_event_id="ev-2").dedupe_key


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "email",
        "timestamp",
        "event",
        "type",
        "reason",
        "url",
        "url_offset",
        "bs_delivery",
        "bs_submission",
        "sg_event_id",
    ]
)


@given(st.lists(json_values | st.dictionaries(fields, json_values)))
def test_no_event_call_whatever_fails_to_parse(items):
    events = parse(json.dumps(items).encode())
    assert len(events) == sum(isinstance(item, dict) for item in items)
    assert all(len(event.dedupe_key) == 64 and event.at.tzinfo for event in events)
