"""The request body: one reader per personalization, everything explicit, limits checked before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.submissions import KEY, make_addressee, make_submission
from worker.providers.base import Mailbox, RefusalKind, Refused
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_limits import SUBSTITUTION_BYTES, PayloadError, over_limit
from worker.providers.sendgrid_payload import build_payload


def built(*addressees, **fields):
    submission = make_submission(**fields)
    return orjson.loads(build_payload(replace(submission, addressees=addressees) if addressees else submission))


@settings(max_examples=20)
@given(st.integers(1, 1000))
def test_every_reader_is_alone_in_a_personalization_and_in_order(count):
    message = orjson.loads(build_payload(make_submission(count)))
    rows = message["personalizations"]
    assert [row["to"] for row in rows] == [[{"email": f"reader{n}@example.com"}] for n in range(count)]
    assert [row["custom_args"] for row in rows] == [{"bs_delivery": str(1000 + n)} for n in range(count)]
    assert all(set(row) == {"to", "substitutions", "custom_args", "headers"} for row in rows)


def test_the_message_says_everything_explicitly_and_no_more():
    message = built()
    assert set(message) == {
        "personalizations", "from", "reply_to", "subject", "content", "custom_args", "headers", "tracking_settings",
    }  # fmt: skip
    assert message["custom_args"] == {"bs_submission": "sub_7f3a"}
    assert message["from"] == {"email": "ines@letters.example.com", "name": "Letters from Ines"}
    assert message["reply_to"] == {"email": "ines@example.org"}
    assert message["headers"] == {"List-Id": "Letters from Ines <letters.example.com>"}
    assert [part["type"] for part in message["content"]] == ["text/plain", "text/html"]
    assert message["tracking_settings"] == {
        "click_tracking": {"enable": False, "enable_text": False},
        "open_tracking": {"enable": False},
        "subscription_tracking": {"enable": False},
        "ganalytics": {"enable": False},
    }


def test_each_reader_has_their_own_one_click_headers():
    row = built()["personalizations"][1]
    assert row["headers"] == {
        "List-Unsubscribe": "<https://letters.example.com/u/token1>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_what_is_empty_is_left_out_because_an_empty_object_is_an_error():
    row = built(make_addressee(values={}, unsubscribe_url=""), reply_to="", list_id="", text="")
    assert set(row["personalizations"][0]) == {"to", "custom_args"}
    assert "reply_to" not in row
    assert "headers" not in row
    assert [part["type"] for part in row["content"]] == ["text/html"]


def test_the_sandbox_and_the_stage_are_asked_for_only_when_wanted():
    at = datetime(2026, 11, 16, 7, 0, 30, tzinfo=UTC)
    message = built(sandbox=True, send_at=at, sendgrid_batch_id="batch", categories=("issue-1", "free"))
    assert message["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert built(past_opt_outs=True)["mail_settings"] == {"bypass_unsubscribe_management": {"enable": True}}
    assert "mail_settings" not in built()
    assert (message["send_at"], message["batch_id"]) == (int(at.timestamp()), "batch")
    assert message["categories"] == ["issue-1", "free"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Letters from Ines", "Letters from Ines <letters.example.com>"),
        ('Ines "the pen" Q.', '"Ines \\"the pen\\" Q." <letters.example.com>'),
        ("Ines, and others", '"Ines, and others" <letters.example.com>'),
        ("Inès", "<letters.example.com>"),
        ("", "<letters.example.com>"),
    ],
)
def test_the_list_id_is_a_header_that_needs_no_encoding(name, header):
    assert built(sender=Mailbox("ines@letters.example.com", name))["headers"] == {"List-Id": header}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "a\nBcc: b"}, "line break"),
        ({"text": "", "html": ""}, "neither"),
        ({"key": ""}, "key"),
        ({"key": "k" * 20_000}, "key"),
        ({"sender": Mailbox("inès@example.com")}, "ASCII"),
        ({"categories": tuple("abcdefghijk")}, "categories"),
        ({"categories": ("a", "a")}, "categories"),
        ({"categories": ("é",)}, "category"),
        ({"categories": ("a" * 256,)}, "category"),
        ({"send_at": datetime(2026, 1, 1)}, "offset"),  # noqa: DTZ001
        ({"addressees": ()}, "1 to 1,000"),
        ({"addressees": tuple(make_addressee(n) for n in range(1001))}, "1 to 1,000"),
        ({"addressees": (make_addressee(0), make_addressee(0, address="READER0@example.com"))}, "twice"),
        ({"addressees": (make_addressee(address=""),)}, "empty or longer"),
        ({"addressees": (make_addressee(address="a" * 321),)}, "empty or longer"),
        ({"addressees": (make_addressee(unsubscribe_url="https://x.test/" + "u" * 900),)}, "900"),
        ({"addressees": (make_addressee(unsubscribe_url="https://x.test/>\r\nBcc: a"),)}, "character"),
        ({"addressees": (make_addressee()._replace(values="[]"),)}, "not the text of a JSON object"),
        ({"text": "half \ud800 a character"}, "half a character"),
        ({"html": "x" * (30 * 1024 * 1024)}, "30 MB"),
    ],
)
def test_what_sendgrid_would_refuse_as_a_whole_is_an_error_that_names_no_address(fields, words):
    submission = make_submission(**fields)
    with pytest.raises(PayloadError, match=words) as wrong:
        build_payload(submission)
    assert "@" not in str(wrong.value)
    kind = RefusalKind.SIZE if words == "30 MB" else RefusalKind.MESSAGE
    # Nobody listens there: nothing was tried.
    assert SendGrid(KEY, "http://127.0.0.1:9", 1).submit(submission) == Refused(kind, 0, wrong.value.what)


def test_merge_values_count_in_bytes_as_they_travel():
    around = '{"-bs00h-":"%s"}'
    room = SUBSTITUTION_BYTES - len(around % "")
    assert not over_limit(around % ("x" * room))
    assert over_limit(around % ("x" * (room + 1)))
    assert over_limit(around % ("é" * (room // 2 + 1)))
    assert not over_limit("{}")
