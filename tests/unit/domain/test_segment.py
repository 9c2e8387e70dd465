"""Rules as the author writes them in TOML."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.segment import EVERYONE, All, Any, HasPlan, HasTag, Not, parse_rule
from worker.domain.subscriber import Plan

tags = st.text(min_size=1, max_size=12).map(str.strip).filter(bool)
rules = st.recursive(
    st.builds(HasPlan, st.sampled_from(Plan)) | st.builds(HasTag, tags),
    lambda inner: (
        st.builds(All, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Any, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=10,
)


def written(rule):
    match rule:
        case HasPlan(plan):
            return {"plan": plan.value}
        case HasTag(tag):
            return {"tag": f" {tag} "}
        case All(parts):
            return {"all": [written(part) for part in parts]}
        case Any(parts):
            return {"any": [written(part) for part in parts]}
        case Not(part):
            return {"not": written(part)}


@given(rules)
def test_a_rule_is_read_back_as_it_was_written(rule):
    assert parse_rule(written(rule)) == rule


def test_a_rule_is_read_from_toml():
    source = tomllib.loads('rule = { all = [{ plan = "paid" }, { not = { tag = "producer" } }] }')["rule"]
    assert parse_rule(source) == All((HasPlan(Plan.PAID), Not(HasTag("producer"))))
    assert parse_rule({"all": []}) == EVERYONE


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("paid", "one of plan, tag, all, any, not"),
        ({}, "one of plan"),
        ({"plan": "paid", "tag": "x"}, "one of plan"),
        ({"plan": "gold"}, '"free" or "paid", not \'gold\''),
        ({"plan": ["paid"]}, '"free" or "paid"'),
        ({"tag": "  "}, "tag = '  '"),
        ({"tag": 3}, "tag = 3"),
        ({"all": {"plan": "paid"}}, "all = "),
        ({"any": [{"plan": "gold"}]}, "'gold'"),
        ({"not": [{"plan": "paid"}]}, "one of plan"),
        ({"country": "PT"}, "use plan, tag, all, any or not"),
    ],
)
def test_a_rule_that_cannot_be_read_says_what_is_wrong(source, says):
    with pytest.raises(ValueError) as caught:
        parse_rule(source)
    assert says in str(caught.value)
