"""Segments: SQL and plain Python pick the same people."""

from datetime import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.support.makers import NOW
from worker.domain.publication import Publication, Slot
from worker.domain.segment import EVERYONE, All, Any, HasPlan, HasTag, Not, parse_rule
from worker.domain.subscriber import Plan
from worker.errors import UsageError
from worker.store.engine import reading, writing
from worker.store.segments import audience_rule, where
from worker.store.subscribers import NewSubscriber, add_subscribers, each_subscriber
from worker.store.tables import subscribers

TAGS = ["early", "book club", "Early", "données", "it's", "100%"]

rules = st.recursive(
    st.builds(HasPlan, st.sampled_from(Plan)) | st.builds(HasTag, st.sampled_from([*TAGS, "nobody's"])),
    lambda inner: (
        st.builds(All, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Any, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=12,
)


def picks(rule, subscriber):
    match rule:
        case HasPlan(plan):
            return subscriber.plan is plan
        case HasTag(tag):
            return tag in subscriber.tags
        case All(parts):
            return all(picks(part, subscriber) for part in parts)
        case Any(parts):
            return any(picks(part, subscriber) for part in parts)
        case Not(part):
            return not picks(part, subscriber)


@pytest.fixture
def people(engine):
    """Every plan with every set of up to three tags, and nobody else."""
    news = [
        NewSubscriber(
            f"{plan}{mask}@example.com", NOW, plan=plan, tags=frozenset(t for i, t in enumerate(TAGS) if mask >> i & 1)
        )
        for plan in Plan
        for mask in range(1 << len(TAGS))
    ]
    with writing(engine) as connection:
        add_subscribers(connection, news)
    with reading(engine) as connection:
        found = list(each_subscriber(connection))
        assert len(found) == 2 << len(TAGS)
        yield connection, found


# One connection for all examples: they only read.
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=rules)
def test_sql_picks_whom_plain_python_picks(people, rule):
    connection, found = people
    picked = set(connection.execute(select(subscribers.c.id).where(where(rule))).scalars())
    assert picked == {one.id for one in found if picks(rule, one)}


def test_no_rule_at_all_picks_everybody_and_no_alternative_picks_nobody(people):
    connection, found = people
    assert len(list(each_subscriber(connection, where(EVERYONE)))) == len(found)
    assert list(each_subscriber(connection, where(Any(())))) == []


def test_a_rule_from_the_publication_picks_the_people_it_names(people):
    connection, _ = people
    rule = parse_rule({"all": [{"plan": "paid"}, {"tag": "book club"}, {"not": {"any": [{"tag": "early"}]}}]})
    picked = list(each_subscriber(connection, where(rule)))
    assert len(picked) == 16
    assert all(one.plan is Plan.PAID and "book club" in one.tags and "early" not in one.tags for one in picked)


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
