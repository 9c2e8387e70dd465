"""The rules of a step are read again in the start of that very delivery, and who leaves there has left the sequence."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from tests.integration.followups.conftest import OPENS
from tests.support.followups import make_step
from tests.support.ledger import EDITIONS, claim, start
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.segment import EVERYONE, Converted, DaysAgo, HasPlan, HasTag, JoinedAfter, Not
from worker.domain.step_rules import StepRules, dump_rules, load_rules
from worker.domain.subscriber import Plan
from worker.store.engine import reading, writing
from worker.store.launches import convert
from worker.store.subscribers import add_tags
from worker.store.tables import addressees, deliveries, enrollments, exclusions
from worker.usecases.plan_mailing import plan_mailing

RULES = StepRules(only_if=Not(HasTag("has-seat")), stop_if=HasTag("not-now"))
STEPS = [make_step(step_id="a", when="at opens", rules=RULES), make_step(step_id="b", when="2 days after opens")]


@pytest.fixture
def readers(engine):
    with writing(engine) as connection:
        return make_subscribers(connection, 4)


def planned(engine, mailing_id):
    plan_mailing(engine, mailing_id, lambda _mailing: (EDITIONS, EVERYONE), OPENS, at=OPENS)
    return mailing_id


def started_with(engine, mailing_id):
    """Whom the call would go to."""
    batch = start(engine, claim(engine, mailing_id))
    return sorted(one.subscriber_id for one in batch.recipients)


def skipped(engine, mailing_id):
    with reading(engine) as connection:
        query = select(deliveries.c.subscriber_id, deliveries.c.skipped_reason).where(
            deliveries.c.mailing_id == mailing_id, deliveries.c.skipped_reason.is_not(None)
        )
        return {row[0]: row[1] for row in connection.execute(query)}


def tag(engine, subscriber, name):
    with writing(engine) as connection:
        add_tags(connection, [(subscriber.id, name)])


def test_what_happened_since_the_step_was_planned_is_seen_by_its_call(engine, sequences, readers):
    stays, seated, leaves, stopped = readers
    sequences.launch(*STEPS)
    mailing_id = planned(engine, sequences.advance(OPENS)[0])
    tag(engine, seated, "has-seat")
    tag(engine, leaves, "not-now")
    with writing(engine) as connection:
        connection.execute(
            update(enrollments).where(enrollments.c.subscriber_id == stopped.id).values(status="stopped")
        )
    assert started_with(engine, mailing_id) == [stays.id]
    assert skipped(engine, mailing_id) == {seated.id: "only_if", leaves.id: "stop_if", stopped.id: "stopped"}
    due = OPENS + timedelta(days=2)
    assert sequences.advance_until(due) == [(due, "b", [stays.id, seated.id])]
    assert (leaves.id, "", "stopped", "stop_if") in sequences.enrolled()


def test_a_rule_holds_when_the_step_falls_due(engine, sequences, readers):
    stays, seated, leaves, other = readers
    tag(engine, seated, "has-seat")
    tag(engine, leaves, "not-now")
    sequences.launch(*STEPS)
    due = OPENS + timedelta(days=2)
    assert sequences.advance_until(OPENS, due) == [
        (OPENS, "a", [stays.id, other.id]),
        (due, "b", [stays.id, seated.id, other.id]),
    ]
    assert sequences.rows(seated) == [("a", "skipped", "only_if"), ("b", "planned", "")]
    assert sequences.rows(leaves) == [("a", "skipped", "stop_if")]


def test_planning_leaves_out_whom_the_rules_do_not_mean_any_more(engine, sequences, readers):
    sequences.launch(*STEPS)
    [mailing_id] = sequences.advance(OPENS)
    tag(engine, readers[1], "has-seat")
    planned(engine, mailing_id)
    with reading(engine) as connection:
        query = select(exclusions.c.subscriber_id, exclusions.c.reason).where(exclusions.c.mailing_id == mailing_id)
        assert [tuple(row) for row in connection.execute(query)] == [(readers[1].id, "only_if")]


def test_who_converted_elsewhere_is_meant_by_a_rule(engine, sequences, readers):
    with writing(engine) as connection:
        convert(connection, "spring-course", readers[2].id, "csv", OPENS)
    sequences.launch(make_step(step_id="a", when="at opens", rules=StepRules(only_if=Converted("spring-course"))))
    assert sequences.advance_until(OPENS) == [(OPENS, "a", [readers[2].id])]


def test_a_mailing_of_a_step_without_readers_goes_to_nobody(engine, sequences, readers):
    """Never to a segment: a step knows its readers by name, or has none."""

    sequences.launch(make_step(step_id="a", when="at opens"))
    [mailing_id] = sequences.advance(OPENS)
    with writing(engine) as connection:
        connection.execute(addressees.delete())
    planned(engine, mailing_id)
    with reading(engine) as connection:
        assert connection.execute(select(deliveries)).all() == []


@pytest.mark.parametrize(
    "rules",
    [
        StepRules(),
        RULES,
        StepRules(stop_if=HasPlan(Plan.PAID)),
        StepRules(only_if=JoinedAfter(DaysAgo(30), "Europe/Lisbon")),
    ],
)
def test_rules_are_kept_with_the_mailing_and_read_back_the_same(rules):
    assert load_rules(dump_rules(rules, "Europe/Lisbon")) == rules


def test_a_reader_without_a_rule_costs_nothing(engine, sequences):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    sequences.launch(make_step(step_id="a", when="at opens"))
    mailing_id = planned(engine, sequences.advance(OPENS)[0])
    assert started_with(engine, mailing_id) == [reader.id]
