"""Rules as the author writes them in TOML."""

import tomllib
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.segment import (
    EVERYONE,
    All,
    Any,
    DaysAgo,
    HasPlan,
    HasTag,
    JoinedAfter,
    JoinedBefore,
    LivesIn,
    Not,
    ReferredAtLeast,
    ReferredAtMost,
    Speaks,
    begin_of,
    end_of,
    parse_rule,
)
from worker.domain.segment_words import describe
from worker.domain.subscriber import Plan

tags = st.text(min_size=1, max_size=12).map(str.strip).filter(bool)
days = st.dates(date(1970, 1, 1), date(2999, 12, 31)) | st.builds(DaysAgo, st.integers(0, 36_500))
rules = st.recursive(
    st.one_of(
        st.builds(HasPlan, st.sampled_from(Plan)),
        st.builds(HasTag, tags),
        st.builds(JoinedBefore, days, st.just("Europe/Lisbon")),
        st.builds(JoinedAfter, days, st.just("Europe/Lisbon")),
        st.builds(ReferredAtLeast, st.integers(0, 1_000)),
        st.builds(ReferredAtMost, st.integers(0, 1_000)),
        st.builds(LivesIn, st.sampled_from(["PT", "US"])),
        st.builds(Speaks, st.sampled_from(["en", "pt-BR", "zh-Hant-TW"])),
    ),
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
        case JoinedBefore(day, _):
            return {"joined_before": written_day(day)}
        case JoinedAfter(day, _):
            return {"joined_after": written_day(day)}
        case ReferredAtLeast(friends):
            return {"referrals_at_least": friends}
        case ReferredAtMost(friends):
            return {"referrals_at_most": friends}
        case LivesIn(country):
            return {"country": country.lower()}
        case Speaks(language):
            return {"language": f" {language} "}
        case All(parts):
            return {"all": [written(part) for part in parts]}
        case Any(parts):
            return {"any": [written(part) for part in parts]}
        case Not(part):
            return {"not": written(part)}


def written_day(day):
    match day:
        case DaysAgo(1):
            return "1 day ago"
        case DaysAgo(number):
            return f" {number}  Days ago"
    return day if day.day % 2 else day.isoformat()


@given(rules)
def test_a_rule_is_read_back_as_it_was_written(rule):
    assert parse_rule(written(rule), "Europe/Lisbon") == rule
    assert describe(rule)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"all": []}, "everybody"),
        ({"any": []}, "nobody"),
        ({"not": {"tag": "producer"}}, 'not tag "producer"'),
        (
            {"all": [{"plan": "paid"}, {"any": [{"country": "pt"}, {"language": "pt"}]}, {"referrals_at_least": 3}]},
            "plan paid and (country PT or language pt) and at least 3 friends brought",
        ),
        (
            {"any": [{"joined_before": "30 days ago"}, {"not": {"all": [{"tag": "a"}, {"tag": "b"}]}}]},
            'joined before 30 days ago or not (tag "a" and tag "b")',
        ),
        ({"joined_after": date(2026, 1, 31)}, "joined after 2026-01-31"),
        ({"referrals_at_most": 1}, "at most 1 friend brought"),
    ],
)
def test_a_rule_is_shown_in_words(source, words):
    assert describe(parse_rule(source)) == words


def test_days_ago_are_calendar_days_of_the_zone_also_over_a_change_of_clocks():
    evening = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)  # 23:30 in Lisbon, whose clocks went forward that day
    assert begin_of(DaysAgo(0), "Europe/Lisbon", evening) == datetime(2026, 3, 29, 0, tzinfo=UTC)
    assert end_of(DaysAgo(0), "Europe/Lisbon", evening) == datetime(2026, 3, 29, 23, tzinfo=UTC)
    assert begin_of(DaysAgo(0), "Pacific/Kiritimati", evening) == datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert end_of(date(2026, 2, 28), "UTC", evening) == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_segment_has_a_limit_of_rules_however_deep_they_stand():
    rule = {"tag": "x"}
    for _ in range(199):
        rule = {"not": rule}
    parse_rule(rule)
    for source in ({"not": rule}, {"any": [{"tag": str(n)} for n in range(200)]}):
        with pytest.raises(ValueError, match="more than 200 rules"):
            parse_rule(source)


def test_a_rule_is_read_from_toml():
    source = tomllib.loads('rule = { all = [{ plan = "paid" }, { not = { tag = "producer" } }] }')["rule"]
    assert parse_rule(source) == All((HasPlan(Plan.PAID), Not(HasTag("producer"))))
    assert parse_rule({"all": []}) == EVERYONE


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("paid", "one of plan, tag, joined_before, "),
        ({}, "one of plan"),
        ({"plan": "paid", "tag": "x"}, "one of plan"),
        ({"plan": "gold"}, '"free" or "paid", not \'gold\''),
        ({"plan": ["paid"]}, '"free" or "paid"'),
        ({"tag": "  "}, "tag = '  '"),
        ({"tag": 3}, "tag = 3"),
        ({"all": {"plan": "paid"}}, "all = "),
        ({"any": [{"plan": "gold"}]}, "'gold'"),
        ({"not": [{"plan": "paid"}]}, "one of plan"),
        ({"continent": "Europe"}, "use plan, tag, joined_before, "),
        ({"country": "Portugal"}, "two letters, such as \"PT\", not 'Portugal'"),
        ({"country": "ПТ"}, "two letters"),
        ({"language": "en GB"}, 'a tag such as "en" or "pt-BR"'),
        ({"language": ""}, "a tag such as"),
        ({"joined_before": "last month"}, "2026-01-31 or \"30 days ago\", not 'last month'"),
        ({"joined_before": 30}, "not 30"),
        ({"joined_after": datetime(2026, 1, 31, tzinfo=UTC)}, "joined_after is a day"),
        ({"joined_after": "2026-02-30"}, "joined_after is a day"),
        ({"joined_after": "99999 days ago"}, "joined_after is a day"),
        ({"joined_after": date(9999, 12, 31)}, "joined_after is a day, such as 2026-01-31"),
        ({"referrals_at_least": -1}, "a whole number from 0 on, not -1"),
        ({"referrals_at_least": True}, "a whole number"),
        ({"referrals_at_most": "3"}, "a whole number from 0 on, not '3'"),
    ],
)
def test_a_rule_that_cannot_be_read_says_what_is_wrong(source, says):
    with pytest.raises(ValueError) as caught:
        parse_rule(source)
    assert says in str(caught.value)
