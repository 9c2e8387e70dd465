"""The quick pass may say clean only where the rules, row by row, find nothing."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.mail_requests import NOW, request, row
from worker.mailroom.rules import problems
from worker.mailroom.rules.quick import certainly_clean

ADDRESSES = st.one_of(
    st.from_regex(r"[a-cA-C.-]{1,3}@[a-c.-]{1,4}\.test", fullmatch=True),
    st.sampled_from(
        ["a@b.test", "A@b.test", "a@b.test\n", "a@b.test\nc@d.test", "é@b.test", "x" * 65 + "@b.test", 7, None]
    ),
)
STRINGS = st.one_of(st.text(max_size=4), st.sampled_from(["x" * 2_500, "\u20ac" * 3_333, "a\nb", 7, None, [], True]))
NAMES = st.one_of(st.sampled_from(["-a-", "X-A", "x-a", "To", "reply-to", "X A", "é", ""]), st.text(max_size=3))
OBJECTS = st.one_of(st.dictionaries(NAMES, STRINGS, max_size=3), st.sampled_from([None, [], "x", 7]))
ROWS = st.one_of(
    st.fixed_dictionaries(
        {"to": st.lists(st.fixed_dictionaries({"email": ADDRESSES}, optional={"name": STRINGS}), max_size=2)},
        optional={"substitutions": OBJECTS, "custom_args": OBJECTS, "headers": OBJECTS, "subject": STRINGS},
    ),
    st.sampled_from([row(1), row(2), row(3), {}, None, "x"]),
)


@given(st.lists(ROWS, max_size=4), st.sampled_from([..., "d-1", "1"]), st.sampled_from([..., {"a": "x" * 7_000}]))
def test_the_quick_pass_never_calls_clean_what_the_rules_refuse(rows, template, custom_args):
    body = request(personalizations=rows, template_id=template, custom_args=custom_args)
    if certainly_clean(body, rows):
        assert problems(body, NOW, thorough=True) == []


def test_the_quick_pass_knows_a_usual_request():
    body = request(rows=1_000)
    assert certainly_clean(body, body["personalizations"])
