"""Payloads against SendGrid's own OpenAPI, tightened by our overlay with the rules it states only in prose."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema_rs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.submissions import make_addressee, make_submission
from worker.domain.delivery import Recipient
from worker.domain.edition import MergeName, MergeTag, Place
from worker.providers.base import Addressee, Mailbox
from worker.providers.sendgrid_payload import build_payload
from worker.render.links import Signer
from worker.render.merge import MergeWriter

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "sendgrid-oai"

pytestmark = pytest.mark.skipif(
    not (FOLDER / "tsg_mail_v3.json").is_file(),
    reason="SendGrid's OpenAPI (github.com/twilio/sendgrid-oai, spec/json) is not beside the project",
)


@pytest.fixture(scope="module")
def validator():
    spec = json.loads((FOLDER / "tsg_mail_v3.json").read_text(encoding="utf-8"))
    overlay = json.loads((FOLDER / "overlay.mail_send.request.json").read_text(encoding="utf-8"))["overlay"]
    reference = spec["paths"]["/v3/mail/send"]["post"]["requestBody"]["$ref"].rpartition("/")[2]
    request = copy.deepcopy(spec["components"]["requestBodies"][reference]["content"]["application/json"]["schema"])
    request["properties"].pop("custom_args")  # upstream types it as a string; the API takes an object
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [request, overlay],
        "components": spec["components"],
    }
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def faults(validator, submission):
    message = orjson.loads(build_payload(submission))
    return [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(message)]


@pytest.mark.parametrize("count", [1, 2, 999, 1000])
def test_a_payload_of_any_size_is_what_sendgrid_documents(validator, count):
    assert faults(validator, make_submission(count)) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"html": ""},
        {"reply_to": ""},
        {"list_id": ""},
        {"sender": Mailbox("ines@example.com")},
        {"categories": tuple(f"category {n}" for n in range(10))},
        {"send_at": datetime(2026, 11, 16, 7, 0, tzinfo=UTC), "sendgrid_batch_id": "HkJ5yLYULb7Rj8GKSx7u025ouWVlMgAi"},
        {"sandbox": True},
        {"addressees": (make_addressee(values={}, unsubscribe_url=""),)},
    ],
)
def test_a_payload_with_parts_left_out_or_added_is_what_sendgrid_documents(validator, fields):
    assert faults(validator, make_submission(**fields)) == []


def test_the_contract_can_fail(validator):
    message = orjson.loads(build_payload(make_submission(1)))
    for break_it in (
        lambda m: m["personalizations"][0].update(headers={}),
        lambda m: m["personalizations"][0]["headers"].update({"Subject": "x"}),
        lambda m: m["personalizations"][0]["substitutions"].update({"-bs00h-": 5}),
        lambda m: m["personalizations"].clear(),
        lambda m: m.update(custom_args={"bs_submission": 5}),
        lambda m: m.pop("from"),
        lambda m: m.pop("content"),
    ):
        broken = copy.deepcopy(message)
        break_it(broken)
        assert list(validator.iter_errors(broken)) != []


TAGS = tuple(
    MergeTag(f"-bs{number:02d}{place}-", name, "there", place)
    for number, name in enumerate(MergeName)
    for place in Place
)


@settings(max_examples=50)
@given(
    names=st.lists(st.text(), min_size=1, max_size=20),
    subject=st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1),
)
def test_no_name_and_no_subject_makes_a_payload_that_sendgrid_refuses(validator, names, subject):
    writer = MergeWriter(TAGS, "https://letters.example.com", Signer("an invented secret"), 5, "autumn")
    addressees = []
    for number, name in enumerate(names):
        recipient = Recipient(number, number, f"reader{number}@example.com", name, f"code{number}")
        addressees.append(Addressee(number, recipient.address, *writer.write(recipient)))
    submission = make_submission(addressees=tuple(addressees), subject=subject)
    assert faults(validator, submission) == []
    rows = orjson.loads(build_payload(submission))["personalizations"]
    assert all(set(row["substitutions"]) == {tag.tag for tag in TAGS} for row in rows)
