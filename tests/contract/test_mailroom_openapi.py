"""The mailroom's rules against the official OpenAPI and its overlay: what they refuse, the mailroom refuses too.

The other way round the mailroom may be stricter, but only for what the schema cannot say.
"""

import json
from pathlib import Path

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.mail_requests import NOW, request, row
from worker.mailroom.rules import problems

SPEC = Path(__file__).parents[3] / "shared" / "data" / "sendgrid-oai"

pytestmark = pytest.mark.skipif(
    not SPEC.is_dir(), reason=f"the official OpenAPI is not beside the project ({SPEC.name})"
)


@pytest.fixture(scope="module")
def schema():
    document = json.loads((SPEC / "tsg_mail_v3.json").read_text())
    overlay = json.loads((SPEC / "overlay.mail_send.request.json").read_text())["overlay"]
    body = document["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    del body["properties"]["custom_args"]["type"]  # "string", which is the document's own fault
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [body, overlay],
        "components": document["components"],
    }
    return jsonschema_rs.validator_for(whole, validate_formats=True)


# What the schema has no words for: counted bytes, totals, duplicates, order, the subject, the clock, the template.
BEYOND_THE_SCHEMA = (
    "may not exceed 10,000 bytes",
    "recipients; the limit is 1000",
    "occurs more than once in to, cc and bcc",
    "may be in one personalization only",
    "must be first, followed by",
    "The subject is required",
    "more than 72 hours",
    "dynamic templating",
    "the same domain",
    "may not be combined with other bypass",
    "a header may occur once only",
    "the name must not hold",  # the overlay looks at the names in `to` alone
)

JUNK = st.sampled_from(
    [None, True, 0, 7, -1, 1.5, "", "x", "é", "a\r\nb", "x" * 321, [], {}, [7], ["x", "x"], [None], {"x": 7}, {"x": "y"},
     {"email": "a@example.com"}, {"email": "nobody"}, [{"email": "b@example.com"}], [{"email": "b@example.com", "name": "B; C"}],
     {"enable": True}, {"enable": "true"}, {"To": "x"}, {"X A": "x"}, [{"type": "text/html", "value": "x"}], [{"type": "text/html"}],
     [{"type": "text/html;x", "value": "x"}], {"group_id": "x"}, {"group_id": 1, "groups_to_display": list(range(26))},
     [f"c{n}" for n in range(11)], ["x" * 256]]
)  # fmt: skip
FIELDS = [
    "personalizations", "from", "reply_to", "reply_to_list", "subject", "content", "attachments", "template_id", "headers",
    "categories", "custom_args", "send_at", "batch_id", "asm", "ip_pool_name", "mail_settings", "tracking_settings", "sections",
]  # fmt: skip
ROW_FIELDS = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "headers",
    "substitutions",
    "dynamic_template_data",
    "custom_args",
    "send_at",
]
SWITCHES = {
    "mail_settings": ["bypass_list_management", "bypass_spam_management", "footer", "sandbox_mode"],
    "tracking_settings": ["click_tracking", "open_tracking", "subscription_tracking", "ganalytics"],
}
KEYS = ["enable", "enable_text", "text", "html", "substitution_tag", "utm_source"]
ADDRESS = st.one_of(
    st.from_regex(r"[a-z.+'-]{1,4}@[a-z0-9.-]{1,8}", fullmatch=True),
    st.text(alphabet='ab.@-_ é\n,<"', min_size=1, max_size=9),
    st.builds(lambda local, label: "x" * local + "@" + "y" * label + ".test", st.integers(62, 66), st.integers(61, 65)),
)
MUTATIONS = st.one_of(
    st.tuples(st.just("message"), st.sampled_from(FIELDS), st.one_of(JUNK, st.just(...))),
    st.tuples(st.just("row"), st.sampled_from(ROW_FIELDS), st.one_of(JUNK, st.just(...))),
    st.tuples(st.just("to"), st.just("email"), st.one_of(ADDRESS, JUNK)),
    st.tuples(st.just("to"), st.just("name"), st.one_of(st.text(alphabet="ab;,\n é", max_size=4), JUNK)),
    st.tuples(st.just("from"), st.sampled_from(["email", "name"]), st.one_of(ADDRESS, JUNK)),
    st.tuples(st.just("header"), st.text(alphabet="Xa-: é\x7f", max_size=4), st.one_of(st.text(max_size=3), JUNK)),
    *(
        st.tuples(st.just(name), st.sampled_from(inner), st.one_of(JUNK, st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=2)))
        for name, inner in SWITCHES.items()
    ),
)  # fmt: skip


def mutate(body, mutation):
    where, key, value = mutation
    holder = {
        "message": lambda: body,
        "row": lambda: body["personalizations"][1],
        "to": lambda: body["personalizations"][1]["to"][0],
        "from": lambda: body["from"],
        "header": lambda: body["personalizations"][1].setdefault("headers", {}),
    }.get(where, lambda: body.setdefault(where, {}))
    try:
        target = holder()
        if value is ...:
            target.pop(key, None)
        else:
            target[key] = value
    except (KeyError, IndexError, TypeError, AttributeError):
        pass  # an earlier mutation took the place away


@settings(max_examples=1_000, deadline=None)
@given(st.lists(MUTATIONS, min_size=1, max_size=3))
def test_both_say_the_same_of_a_mutated_request(schema, mutations):
    body = json.loads(json.dumps(request(rows=3)))
    for mutation in mutations:
        mutate(body, mutation)
    found = problems(body, NOW)
    if schema.is_valid(body):
        strays = [problem for problem in found if not any(words in problem.message for words in BEYOND_THE_SCHEMA)]
        assert strays == []
    else:
        assert found != []


@pytest.mark.parametrize(
    "body",
    [
        request(rows=1_000),
        request(rows=1, subject=..., content=..., template_id="x"),
        request(rows=1, attachments=[{"content": "eA==", "filename": "a.txt", "disposition": "inline", "type": "text/plain"}]),
        request(personalizations=[row(cc=[{"email": "c@example.com"}], bcc=[{"email": "d@example.com"}])]),
    ],
)  # fmt: skip
def test_both_take_a_valid_request(schema, body):
    assert schema.is_valid(body)
    assert problems(body, NOW) == []


@pytest.mark.parametrize("field", FIELDS)
def test_both_refuse_null(schema, field):
    body = request(**{field: None})
    assert not schema.is_valid(body) or field == "sections"
    assert problems(body, NOW) != []
