"""What an answer means: kinds of refusals, rows by index, rate limits, and reasons that hold no address."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from worker.providers.base import Accepted, RateLimited, RefusalKind, Refused, Unavailable, Unknown
from worker.providers.sendgrid_answers import REASON_CHARS, read_answer, safe_reason
from worker.providers.sendgrid_transport import Reply

NOW = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)


def read(status, body=b"", headers=None, *, sent_whole=True, broken="", addressees=10):
    reply = Reply(status, HTTPHeaderDict(headers or {}), body, sent_whole, broken)
    return read_answer(reply, addressees=addressees, sandbox=False, now=NOW)


def errors(*pairs):
    return json.dumps({"errors": [{"field": field, "message": text, "help": None} for field, text in pairs]}).encode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, RefusalKind.ACCOUNT),
        (308, RefusalKind.ACCOUNT),
        (401, RefusalKind.ACCOUNT),
        (402, RefusalKind.ACCOUNT),
        (403, RefusalKind.ACCOUNT),
        (404, RefusalKind.ACCOUNT),
        (405, RefusalKind.ACCOUNT),
        (413, RefusalKind.SIZE),
        (415, RefusalKind.ACCOUNT),
        (422, RefusalKind.ACCOUNT),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"errors":[{"message":"no"}]}'])
def test_each_refusing_status_has_its_kind_whatever_the_body(status, kind, body):
    said = read(status, body)
    assert isinstance(said, Refused)
    assert (said.kind, said.status, dict(said.rows)) == (kind, status, {})
    assert said.reason


def test_used_up_credits_pause_the_account_and_say_so():
    said = read(401, errors((None, "Maximum credits exceeded")))
    assert isinstance(said, Refused)
    assert said.kind is RefusalKind.ACCOUNT
    assert "Maximum credits exceeded" in said.reason


def test_a_400_that_names_rows_gives_each_its_reason():
    said = read(
        400,
        errors(
            ("personalizations.3.to", "Does not contain a valid address."),
            ("personalizations.7.to.0.email", "first"),
            ("personalizations.7.substitutions", "second"),
            ("personalizations[9].to", "bracketed"),
            (None, "Bad Request"),
        ),
    )
    assert isinstance(said, Refused)
    assert said.kind is RefusalKind.ROWS
    assert said.rows == {3: "Does not contain a valid address.", 7: "first", 9: "bracketed"}


@pytest.mark.parametrize(
    "field", ["from", "from.email", "subject", "content.0.value", "send_at", "batch_id", "headers"]
)
def test_a_400_about_the_message_is_the_messages_even_if_it_names_rows_too(field):
    alone = read(400, errors((field, "is wrong")))
    assert isinstance(alone, Refused)
    assert (alone.kind, alone.reason) == (RefusalKind.MESSAGE, f"{field}: is wrong")
    mixed = read(400, errors(("personalizations.1.to", "is wrong"), (field, "is wrong")))
    assert isinstance(mixed, Refused)
    assert (mixed.kind, dict(mixed.rows)) == (RefusalKind.MESSAGE, {})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Bad Request",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"errors":null}',
        b'{"errors":{}}',
        b'{"errors":[]}',
        b'{"errors":[null,1,"x",{}]}',
        b'{"errors":[{"field":null,"message":null}]}',
        b'{"errors":[{"field":5,"message":"Bad Request"}]}',
        b'{"errors":[{"field":"personalizations","message":"too many"}]}',
        b'{"errors":[{"field":"personalizations.10.to","message":"out of range"}]}',
        b'{"errors":[{"field":"personalizations.99999999999999999999.to","message":"x"}]}',
    ],
)
def test_a_400_that_names_nobody_is_unnamed(body):
    said = read(400, body)
    assert isinstance(said, Refused)
    assert said.kind in (RefusalKind.UNNAMED,) or b"9999" in body
    assert dict(said.rows) == {}
    assert said.reason


def test_an_answer_that_broke_off_is_unknown_unless_its_status_says_it_all():
    assert isinstance(read(400, b'{"errors":', broken="the answer broke off"), Unknown)
    assert isinstance(read(413, b"<ht", broken="the answer broke off"), Refused)
    assert isinstance(read(401, b"", broken="the answer broke off"), Refused)
    assert read(202, broken="the answer broke off") == Accepted("")


@pytest.mark.parametrize("status", [408, 500, 503])
def test_a_failure_before_the_request_left_whole_is_unavailable(status):
    assert isinstance(read(status, sent_whole=False), Unavailable)
    assert isinstance(read(status), Unknown)


@pytest.mark.parametrize("status", [100, 103, 200, 201, 204, 206, 299, 500, 599, 600, 999])
def test_an_unexpected_status_is_unknown(status):
    said = read(status)
    assert isinstance(said, Unknown)
    assert said.status == status


def limited(**headers):
    said = read(429, b"", {name.replace("_", "-"): value for name, value in headers.items()})
    assert isinstance(said, RateLimited)
    return said.retry_at


def test_a_rate_limit_names_its_time_by_either_header_and_the_later_wins():
    reset = str(int(NOW.timestamp()) + 7)
    assert limited(X_RateLimit_Reset=reset) == NOW + timedelta(seconds=7)
    assert limited(x_ratelimit_reset=reset) == NOW + timedelta(seconds=7)
    assert limited(Retry_After="30") == NOW + timedelta(seconds=30)
    assert limited(Retry_After="Mon, 16 Nov 2026 08:01:00 GMT") == NOW + timedelta(minutes=1)
    assert limited(X_RateLimit_Reset=reset, Retry_After="30") == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "1e9", "99999999999", "999999999999999999999", "nan", "0", "5", "٣"]
)
def test_a_rate_limit_with_a_broken_header_names_no_time(value):
    assert limited(X_RateLimit_Reset=value) is None


@pytest.mark.parametrize(
    "value", ["", "soon", "-5", "99999999999", "0", "Mon, 99 Nov 2026", "Mon, 16 Nov 1970 08:01:00"]
)
def test_a_retry_after_that_is_broken_names_no_time(value):
    assert limited(Retry_After=value) is None


@pytest.mark.parametrize(
    "text",
    [
        "We found the first duplicate instance of [reader@example.com] in the personalizations.0.to field.",
        "reader@example.com",
        "<reader@example.com>, other.one+tag@sub.example.org; third@example.net.",
        '"odd reader"@example.com is bad',
        "reader%40example.com",
        "reader&#64;example.com",
        "réader＠exämple.test",
        "reader @ example.com",
    ],
)
def test_a_reason_never_holds_an_address(text):
    said = safe_reason(text)
    assert "[address]" in said
    for piece in ("@", "＠", "%40", "&#64;", "reader", "other.one", "example.com", "third"):
        assert piece not in said


@given(st.text(), st.emails(), st.text())
def test_no_address_anywhere_in_a_text_survives(before, address, after):
    said = safe_reason(f"{before} {address} {after}")
    assert address not in said
    assert "@" not in said
    assert len(said) <= REASON_CHARS
    assert said.isprintable()


@given(st.integers(100, 999), st.binary(max_size=200), st.booleans(), st.sampled_from(["", "the answer broke off"]))
def test_only_a_202_is_ever_accepted(status, body, sent_whole, broken):
    said = read(status, body, sent_whole=sent_whole, broken=broken)
    assert isinstance(said, Accepted) == (status == 202)
    if isinstance(said, Unavailable):
        assert not sent_whole


@pytest.mark.parametrize(
    ("headers", "reset_at"),
    [
        ({}, None),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 60)}, None),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, None),
        (
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 60)},
            NOW + timedelta(seconds=60),
        ),
        ({"x-ratelimit-remaining": " 0 ", "retry-after": "30"}, NOW + timedelta(seconds=30)),
    ],
)
def test_the_last_accepted_call_before_a_reset_says_when_that_is(headers, reset_at):
    assert read(202, headers={"X-Message-Id": "one", **headers}) == Accepted("one", reset_at)
