"""Segments: SQL and plain Python pick the same people."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support.makers import NOW, make_subscriber
from tests.support.referring import verify
from worker.domain.matching import Traits, matches
from worker.domain.publication import Publication, Slot
from worker.domain.segment import (
    EVERYONE,
    All,
    Any,
    Converted,
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
    parse_rule,
)
from worker.domain.subscriber import Plan, Wants
from worker.errors import UsageError
from worker.store.engine import reading, writing
from worker.store.launches import convert
from worker.store.referrals import add_referral, confirm_referral
from worker.store.segment_sample import sample_addresses
from worker.store.segments import audience_rule, where
from worker.store.subscribers import NewSubscriber, add_subscribers, each_subscriber
from worker.store.tables import subscribers

TAGS = ["early", "book club", "Early", "données", "it's", "100%"]
ZONES = ["UTC", "Europe/Lisbon", "Pacific/Kiritimati", "America/Los_Angeles"]
LANGUAGES = ["", "en", "EN", "en-GB", "en_GB", "en-gb-oxendict", "eng", "e%", "pt-BR", "PT", "İn", "en-"]
COUNTRIES = ["", "PT", "pt", "ES", "IN", "İN", "P_"]
# Midnights of several zones, and the milliseconds around them; the days clocks change among them.
JOINED = [
    datetime(2026, 3, 28, 23, 59, 59, 999_000, UTC),
    datetime(2026, 3, 29, 0, tzinfo=UTC),
    datetime(2026, 3, 29, 10, tzinfo=UTC),
    datetime(2026, 10, 17, 7, 0, tzinfo=UTC),
    datetime(2026, 10, 16, 22, 59, 59, 999_000, UTC),
    datetime(2026, 10, 16, 23, tzinfo=UTC),
    NOW - timedelta(days=30),
    NOW - timedelta(days=30, milliseconds=1),
    datetime(1969, 5, 1, tzinfo=UTC),
    NOW,
]
days = (
    st.dates(date(2026, 3, 26), date(2026, 4, 2))
    | st.dates(date(2026, 10, 14), date(2026, 10, 19))
    | st.dates(date(1970, 1, 1), date(2999, 12, 31))
)
either = days | st.builds(DaysAgo, st.sampled_from([0, 1, 29, 30, 31, 36_500]))

rules = st.recursive(
    st.one_of(
        st.builds(HasPlan, st.sampled_from(Plan)),
        st.builds(HasTag, st.sampled_from([*TAGS, "nobody's"])),
        st.builds(JoinedBefore, either, st.sampled_from(ZONES)),
        st.builds(JoinedAfter, either, st.sampled_from(ZONES)),
        st.builds(ReferredAtLeast, st.integers(0, 4)),
        st.builds(ReferredAtMost, st.integers(0, 4)),
        st.builds(LivesIn, st.sampled_from(["PT", "IN", "ES", "US"])),
        st.builds(Speaks, st.sampled_from(["en", "EN", "en-GB", "pt", "in", "eng"])),
        st.builds(Converted, st.sampled_from(["groups", "course"])),
    ),
    lambda inner: (
        st.builds(All, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Any, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=12,
)
moments = st.sampled_from([NOW, datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 23, 30, tzinfo=UTC)])


@pytest.fixture
def people(engine):
    """Every plan with every set of up to three tags, and every trait of the lists above; each with what rules look at."""
    news = [
        NewSubscriber(
            f"{plan}{mask}@example.com",
            JOINED[mask % len(JOINED)],
            plan=plan,
            tags=frozenset(t for i, t in enumerate(TAGS) if mask >> i & 1),
            language=LANGUAGES[(mask + (plan is Plan.PAID)) % len(LANGUAGES)],
            country=COUNTRIES[mask % len(COUNTRIES)],
        )
        for plan in Plan
        for mask in range(1 << len(TAGS))
    ]
    with writing(engine) as connection:
        add_subscribers(connection, news)
        found = list(each_subscriber(connection))
        for number, friend in enumerate(found[:40]):  # of each referrer's up to four friends every third does not count
            add_referral(connection, found[-1 - number // 4].id, friend.id, NOW)
            if number % 3:
                confirm_referral(connection, friend.id, NOW)
        converted = {one.id: frozenset({"groups"}) for one in found[::3]}
        for one in converted:
            convert(connection, "groups", one, "csv", NOW)
    verify(engine)
    assert len(found) == 2 << len(TAGS)
    brought = {found[-1 - n // 4].id: sum(1 for m in range(n // 4 * 4, n // 4 * 4 + 4) if m % 3) for n in range(40)}
    assert set(brought.values()) == {2, 3}
    with reading(engine) as connection:
        yield (
            connection,
            {
                one.id: Traits(
                    one.plan,
                    one.joined_at,
                    one.tags,
                    brought.get(one.id, 0),
                    one.country,
                    one.language,
                    converted.get(one.id, frozenset()),
                )
                for one in found
            },
        )


# One connection for all examples: they only read.
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=rules, now=moments)
def test_sql_picks_whom_plain_python_picks(people, rule, now):
    connection, traits = people
    picked = set(connection.execute(select(subscribers.c.id).where(where(rule, now))).scalars())
    assert picked == {one for one, has in traits.items() if matches(rule, has, now)}


def test_no_rule_at_all_picks_everybody_and_no_alternative_picks_nobody(people):
    connection, traits = people
    assert len(list(each_subscriber(connection, where(EVERYONE, NOW)))) == len(traits)
    assert list(each_subscriber(connection, where(Any(()), NOW))) == []


def test_a_sample_names_nobody_whom_a_letter_would_not_reach(engine):
    with writing(engine) as connection:
        kept = make_subscriber(connection)
        make_subscriber(connection, status="pending")
        make_subscriber(connection, suppressed="bounced")
        make_subscriber(connection, wants=Wants.LAUNCHES)
        make_subscriber(connection, paused_until=datetime(2999, 1, 1, tzinfo=UTC))
        assert sample_addresses(connection, EVERYONE, NOW, 9) == [kept.address]


def test_a_rule_from_the_publication_picks_the_people_it_names(people):
    connection, _ = people
    rule = parse_rule({"all": [{"plan": "paid"}, {"tag": "book club"}, {"not": {"any": [{"tag": "early"}]}}]})
    picked = list(each_subscriber(connection, where(rule, NOW)))
    assert len(picked) == 16
    assert all(one.plan is Plan.PAID and "book club" in one.tags and "early" not in one.tags for one in picked)


def test_the_day_itself_is_neither_before_nor_after_and_begins_at_the_publications_midnight(engine):
    joined = {
        "before": datetime(2026, 10, 16, 22, 59, tzinfo=UTC),  # 23:59 in Lisbon
        "on": datetime(2026, 10, 16, 23, 0, tzinfo=UTC),
        "late": datetime(2026, 10, 17, 22, 59, tzinfo=UTC),
        "after": datetime(2026, 10, 17, 23, 0, tzinfo=UTC),
    }
    with writing(engine) as connection:
        ids = {make_subscriber(connection, joined_at=at).id: name for name, at in joined.items()}

    def picked(source):
        rule = parse_rule(source, "Europe/Lisbon")
        with reading(engine) as connection:
            return [ids[one.id] for one in each_subscriber(connection, where(rule, NOW))]

    assert picked({"joined_before": date(2026, 10, 17)}) == picked({"joined_before": "30 days ago"}) == ["before"]
    assert picked({"joined_after": "2026-10-17"}) == picked({"joined_after": "30 days ago"}) == ["after"]
    assert picked({"not": {"joined_before": "30 days ago"}}) == ["on", "late", "after"]


def test_a_segment_of_a_hundred_alternatives_runs_on_both_databases(people):
    connection, _ = people
    rule = parse_rule({"any": [{"tag": f"tag {n}"} for n in range(150)] + [{"tag": "early"}]})
    assert len(list(each_subscriber(connection, where(rule, NOW)))) == 64


def publication(**segments):
    return Publication(
        name="The Letter",
        author="Ada Moreno",
        sender="ada@letters.example.com",
        reply_to="ada@letters.example.com",
        postal_address="1 Quiet Lane, Example",
        list_id="letters.example.com",
        language="en",
        home="https://letters.example.com",
        slot=Slot(0, time(7), "Europe/Lisbon"),
        segments=segments,
    )


def test_audiences_are_built_in_or_the_publications_own():
    own = publication(**{"book-club": HasTag("book club")})
    assert audience_rule("everyone", own) == EVERYONE
    assert audience_rule("paid", own) == HasPlan(Plan.PAID)
    assert audience_rule("free", own) == HasPlan(Plan.FREE)
    assert audience_rule("book-club", own) == HasTag("book club")


def test_an_unknown_audience_is_refused_with_those_there_are():
    own = publication(**{"book-club": HasTag("book club")})
    with pytest.raises(UsageError, match=r'"bookclub"(.|\n)*everyone, paid, free, book-club'):
        audience_rule("bookclub", own)
