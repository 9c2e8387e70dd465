"""The quick pass may say clean only where the rules, row by row, find nothing.

Each request here is clean but for one cell, since a request with several odd cells is never called clean anyway.
"""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.mail_requests import NOW, request
from worker.mailroom.rules import problems
from worker.mailroom.rules.quick import certainly_clean

OBJECTS = ["substitutions", "custom_args", "headers"]
VALUES = ["x", "Zoë", "", "a\nb", "a\rb", "x" * 2_000, "x" * 9_999, "\u20ac" * 3_333, 7, None, [], ["x"], True, {}]
NAMES = ["X-A", "-a-", "To", "rePly-to", "X A", "é", "", "X:", "List-Id", "n" * 9_999]
JUNK = [
    None,
    7,
    "x",
    [],
    {},
    ["x"],
    [{"email": "a@b.test"}],
    [{"email": "a@b.test", "name": "A;"}],
    [7],
    [0],
    [[]],
    {"x": 7},
]


def hold(body):
    """Whether the quick pass called it clean; fails if it may not."""
    clean = certainly_clean(body, body["personalizations"])
    assert not clean or problems(body, NOW, thorough=True) == []
    return clean


def everywhere(field, values, last):
    """Three rows with the same object in a field, and another in the last row."""
    body = request(rows=3)
    for row in body["personalizations"]:
        row[field] = dict(values)
    body["personalizations"][-1][field] = last
    return body


@pytest.mark.parametrize("field", OBJECTS)
def test_one_odd_value_or_name_is_never_overlooked(field):
    said = {
        hold(everywhere(field, {name: "x", **more}, {name: value, **more}))
        for name, value, more in product(NAMES, VALUES, [{}, {"x-a": "x"}, {"X-B": "x"}])
    }
    assert said == {True, False}
    for junk in JUNK:
        hold(everywhere(field, {}, junk))
        hold(everywhere(field, {"X-A": "x"}, junk))
    hold(everywhere(field, {}, {}))


@pytest.mark.parametrize("field", ["to", "cc", "subject", "from", "send_at", "dynamic_template_data", *OBJECTS])
def test_one_field_of_another_kind_is_never_overlooked(field):
    for junk, number in product(JUNK, [0, 2]):
        body = request(rows=3)
        body["personalizations"][number][field] = junk
        hold(body)
        for row in body["personalizations"]:
            row[field] = junk
        hold(body)


@pytest.mark.parametrize("name", ["A;", "A", 7])
def test_names_in_every_to_are_never_overlooked(name):
    body = request(rows=3)
    for row in body["personalizations"]:
        row["to"][0]["name"] = name
    hold(body)


@pytest.mark.parametrize("address", ["reader0@example.com\nx@b.test", "x@b.test\nreader1@example.com"])
def test_two_addresses_in_one_are_never_overlooked(address):
    body = request(rows=3)
    body["personalizations"][2]["to"][0]["email"] = address
    assert not hold(body)


def test_what_the_message_says_counts_as_well():
    for template, above, own in product([..., "d-1", "1"], [..., {"a": "x" * 7_000}, {"a": "x" * 10_000}], VALUES):
        body = everywhere("custom_args", {"b": "x"}, {"b": own})
        body.update({"template_id": template} if template is not ... else {})
        body.update({"custom_args": above} if above is not ... else {})
        hold(body)


@pytest.mark.parametrize("junk", [*JUNK, [[]], [{}], [None]])
def test_personalizations_that_are_none_are_never_overlooked(junk):
    body = request(rows=2)
    body["personalizations"][1] = junk
    hold(body)


ADDRESSES = st.one_of(
    st.from_regex(r"[a-cA-C.+-]{1,3}@[a-c0-9.-]{1,6}", fullmatch=True),
    st.text(alphabet="aA.@-_ é\n,", min_size=1, max_size=8),
    st.sampled_from(
        ["a@b.test\n", "\na@b.test", "a@b.test\nc@d.test", "READER0@example.com", "a@b.\x85c", 7, None, [], {}]
    ),
    st.builds(lambda local, label: "x" * local + "@" + "y" * label + ".test", st.integers(1, 66), st.integers(1, 65)),
)


@settings(max_examples=400, deadline=None)
@given(ADDRESSES)
def test_one_odd_address_is_never_overlooked(address):
    body = request(rows=3)
    body["personalizations"][2]["to"] = [{"email": address}]
    hold(body)


def test_the_quick_pass_knows_a_usual_request():
    assert hold(request(rows=1_000))
    assert not hold(request(rows=1_001))
