"""Each documented rule: what breaks it is refused at the field SendGrid would name, what just keeps it is not."""

import pytest

from tests.support.mail_requests import NOW, request, row
from worker.mailroom.rules import problems


def fields(body):
    found = {problem.field for problem in problems(body, NOW)}
    assert found == {problem.field for problem in problems(body, NOW, thorough=True)}
    return found


HOURS_72 = int(NOW) + 72 * 3_600

BROKEN = {
    "no personalizations": (request(personalizations=...), "personalizations"),
    "empty personalizations": (request(personalizations=[]), "personalizations"),
    "1,001 personalizations": (request(rows=1_001), "personalizations"),
    "personalizations are an object": (request(personalizations={}), "personalizations"),
    "a personalization is a string": (request(personalizations=[row(0), "x"]), "personalizations.1"),
    "no to": (request(personalizations=[row(0), row(1, to=...)]), "personalizations.1.to"),
    "empty to": (request(personalizations=[row(to=[])]), "personalizations.0.to"),
    "to is an object": (request(personalizations=[row(to={"email": "a@example.com"})]), "personalizations.0.to"),
    "to without email": (request(personalizations=[row(to=[{}])]), "personalizations.0.to.0.email"),
    "a name with a semicolon": (
        request(personalizations=[row(to=[{"email": "a@example.com", "name": "A; B"}])]),
        "personalizations.0.to.0.name",
    ),
    "1,001 recipients": (
        request(personalizations=[row(to=[{"email": f"r{n}@example.com"} for n in range(1_001)])]),
        "personalizations",
    ),
    "one address twice in a block": (
        request(personalizations=[row(cc=[{"email": "READER0@example.com"}])]),
        "personalizations.0.cc",
    ),
    "one address in two blocks": (
        request(personalizations=[row(0), row(1), row(2, to=[{"email": "Reader0@Example.com"}])]),
        "personalizations.2.to",
    ),
    "no from": (request(from_=...), "from"),
    "from is not ASCII": (request(from_={"email": "zoë@example.com"}), "from.email"),
    "from of another domain in a block": (
        request(personalizations=[row(from_={"email": "a@example.org"})]),
        "personalizations.0.from.email",
    ),
    "no subject": (request(subject=...), "subject"),
    "empty subject": (request(subject=""), "subject"),
    "a subject in one block of two": (
        request(subject=..., personalizations=[row(0, subject="x"), row(1)]),
        "subject",
    ),
    "an empty subject in a block": (request(personalizations=[row(subject="")]), "personalizations.0.subject"),
    "no content": (request(content=...), "content"),
    "empty content": (request(content=[]), "content"),
    "an empty value": (request(content=[{"type": "text/html", "value": ""}]), "content.0.value"),
    "html before text": (
        request(content=[{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]),
        "content",
    ),
    "calendar before html": (
        request(content=[{"type": "text/calendar", "value": "x"}, {"type": "text/html", "value": "x"}]),
        "content",
    ),
    "a content type with a charset": (
        request(content=[{"type": "text/html; charset=utf-8", "value": "x"}]),
        "content.0.type",
    ),
    "a number as substitution": (
        request(personalizations=[row(substitutions={"-n-": 7})]),
        "personalizations.0.substitutions.-n-",
    ),
    "null as substitution": (
        request(personalizations=[row(substitutions={"-n-": None})]),
        "personalizations.0.substitutions.-n-",
    ),
    "substitutions of 10,001 bytes": (
        request(personalizations=[row(substitutions={"-n-": "x" * 9_998})]),
        "personalizations.0.substitutions",
    ),
    "substitutions of 10,001 bytes in 5,004 characters": (
        request(personalizations=[row(substitutions={"-n-": "ë" * 4_999})]),
        "personalizations.0.substitutions",
    ),
    "substitutions for a dynamic template": (
        request(template_id="d-0123", personalizations=[row()]),
        "personalizations.0.substitutions",
    ),
    "a number as custom arg": (
        request(personalizations=[row(custom_args={"bs_delivery": 7})]),
        "personalizations.0.custom_args.bs_delivery",
    ),
    "an empty custom_args": (request(personalizations=[row(custom_args={})]), "personalizations.0.custom_args"),
    "custom args of 10,001 bytes when merged": (
        request(custom_args={"a": "x" * 5_000}, personalizations=[row(custom_args={"b": "x" * 4_999})]),
        "personalizations.0.custom_args",
    ),
    "custom args of the message as a string": (request(custom_args="x"), "custom_args"),
    "a reserved header": (request(headers={"RePly-To": "x"}), "headers.RePly-To"),
    "a reserved header in a block": (
        request(personalizations=[row(headers={"bcc": "x"})]),
        "personalizations.0.headers.bcc",
    ),
    "a header that is a number": (
        request(personalizations=[row(headers={"X-N": 1})]),
        "personalizations.0.headers.X-N",
    ),
    "a header with a line break": (
        request(personalizations=[row(headers={"X-N": "a\r\nBcc: b"})]),
        "personalizations.0.headers.X-N",
    ),
    "a header with a space in its name": (request(headers={"X N": "1"}), "headers.X N"),
    "a header twice": (request(headers={"X-N": "1", "x-n": "2"}), "headers.x-n"),
    "eleven categories": (request(categories=[f"c{n}" for n in range(11)]), "categories"),
    "a category twice": (request(categories=["c", "c"]), "categories"),
    "a category of 256 characters": (request(categories=["c" * 256]), "categories.0"),
    "a category that is not ASCII": (request(categories=["ë"]), "categories.0"),
    "send_at as text": (request(send_at="1800000000"), "send_at"),
    "send_at as true": (request(send_at=True), "send_at"),
    "send_at beyond 72 hours": (request(send_at=HOURS_72 + 1), "send_at"),
    "send_at in milliseconds": (request(send_at=int(NOW * 1_000)), "send_at"),
    "send_at of a block beyond 72 hours": (
        request(personalizations=[row(send_at=HOURS_72 + 1)]),
        "personalizations.0.send_at",
    ),
    "both kinds of reply-to": (
        request(reply_to={"email": "a@example.com"}, reply_to_list=[{"email": "a@example.com"}]),
        "reply_to_list",
    ),
    "a reply-to without address": (request(reply_to={"name": "A"}), "reply_to.email"),
    "asm without group": (request(asm={}), "asm.group_id"),
    "26 groups": (request(asm={"group_id": 1, "groups_to_display": list(range(26))}), "asm.groups_to_display"),
    "a pool name of one character": (request(ip_pool_name="x"), "ip_pool_name"),
    "sandbox as text": (
        request(mail_settings={"sandbox_mode": {"enable": "true"}}),
        "mail_settings.sandbox_mode.enable",
    ),
    "two bypasses": (
        request(mail_settings={"bypass_list_management": {"enable": True}, "bypass_spam_management": {"enable": True}}),
        "mail_settings.bypass_list_management",
    ),
    "tracking as a number": (
        request(tracking_settings={"open_tracking": {"enable": 1}}),
        "tracking_settings.open_tracking.enable",
    ),
    "an attachment without name": (request(attachments=[{"content": "eA=="}]), "attachments.0.filename"),
    "not an object": ([], None),
}

RIGHT = {
    "as it is": request(),
    "a thousand personalizations": request(rows=1_000),
    "subjects in every block": request(subject=..., personalizations=[row(0, subject="a"), row(1, subject="b")]),
    "a template instead of content and subject": request(subject=..., content=..., template_id="0123"),
    "a dynamic template": request(
        template_id="d-0123", personalizations=[row(substitutions=..., dynamic_template_data={"n": 1})]
    ),
    "html alone": request(content=[{"type": "text/html", "value": "x"}]),
    "text, html, calendar": request(
        content=[{"type": kind, "value": "x"} for kind in ("text/plain", "text/html", "text/calendar")]
    ),
    "substitutions of 10,000 bytes": request(personalizations=[row(substitutions={"-n-": "x" * 9_997})]),
    "custom args of 10,000 bytes when merged": request(
        custom_args={"a": "x" * 5_000}, personalizations=[row(custom_args={"b": "x" * 4_998})]
    ),
    "send_at 72 hours ahead": request(send_at=HOURS_72),
    "send_at in the past": request(send_at=1),
    "a thousand recipients in one block": request(
        personalizations=[row(to=[{"email": f"r{n}@example.com"} for n in range(1_000)])]
    ),
    "from of the same domain in a block": request(personalizations=[row(from_={"email": "a@EXAMPLE.com"})]),
    "sandbox": request(mail_settings={"sandbox_mode": {"enable": True}}),
    "a long local part": request(personalizations=[row(to=[{"email": "x" * 64 + "@example.com"}])]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_a_rule_is_refused_at_its_field(name):
    body, field = BROKEN[name]
    assert fields(body) == {field}


@pytest.mark.parametrize("name", RIGHT)
def test_what_keeps_every_rule_is_taken(name):
    assert fields(RIGHT[name]) == set()


@pytest.mark.parametrize(
    "address",
    ["", "a", "@example.com", "a@", "a b@example.com", "a@b@example.com", ".a@example.com", "a.@example.com",
     "a..b@example.com", "a@-example.com", "a@example-.com", "a@example..com", "a@example.com.", "a@exa_mple.com",
     "x" * 65 + "@example.com", "a@" + "x" * 64 + ".com", "zoë@example.com", "a@exämple.com", "a@example.com\n",
     "a@example.com\nb@example.com", " a@example.com", "a,b@example.com", "<a@example.com>", 7, None, ["a@example.com"]],
)  # fmt: skip
def test_what_is_no_address_is_named_with_its_row(address):
    body = request(personalizations=[row(0), row(1, to=[{"email": address}])])
    assert fields(body) == {"personalizations.1.to.0.email"}


@pytest.mark.parametrize(
    "address",
    ["a@b.test", "a.b+c@example.com", "A_b-c'd@sub.example.co", "1@1.test", "a@xn--exmple-cua.com", "a@x--y.test"],
)
def test_an_ordinary_address_is_taken(address):
    assert fields(request(personalizations=[row(to=[{"email": address}])])) == set()


def test_every_problem_that_can_be_found_is_reported():
    body = request(
        from_=..., personalizations=[row(0, to=[]), row(1), row(2, to=[{"email": "nobody"}], custom_args={"a": 1})]
    )
    assert fields(body) == {
        "from",
        "personalizations.0.to",
        "personalizations.2.to.0.email",
        "personalizations.2.custom_args.a",
    }
