"""Crash scenarios of sequences: enrolling a launch's audience and whom events have met, and planning the steps that are due."""

from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import select

from tests.support.crash_bench import recover
from tests.support.crash_scenarios import Scenario, people
from tests.support.followups import PUBLICATION, make_launch, make_step
from tests.support.ledger import EDITIONS
from tests.support.makers import NOW
from worker.domain.segment import HasTag
from worker.domain.sequence import timings_of
from worker.domain.step_rules import StepRules
from worker.domain.trigger import Trigger
from worker.store.engine import reading, writing
from worker.store.followups.runs import agree, open_runs
from worker.store.subscribers import by_address_key
from worker.store.tables import addressees, due_steps, enrollments, mailings, triggers
from worker.store.triggers import note_trigger
from worker.usecases import enroll_audiences, enroll_triggers, plan_steps, rederive_run
from worker.usecases.content import Content

BEGINS = NOW + timedelta(hours=2)  # after the launch has opened, and what met the first readers
LATER = NOW + timedelta(days=3)
MET = ["free0@example.com", "free1@example.com", "paid0@example.com"]
OPENING = make_step(step_id="opening", when="at opens", rules=StepRules(only_if=HasTag("producer")))
SECOND = make_step(step_id="second", when="2 days after opens")
CONTENT = Content(
    PUBLICATION,
    {"producer-groups": make_launch()},
    {"launch": [OPENING, SECOND], "welcome": [make_step("welcome", "hello", "at once after confirmed")]},
)
EDITED = Content(
    PUBLICATION,
    CONTENT.launches,
    CONTENT.steps | {"launch": [OPENING, make_step(step_id="second", when="1 day after opens")]},
)


@contextmanager
def in_small_parts():
    """So few at a time that each verb needs several transactions for these few readers."""
    parts = {enroll_audiences: 5, enroll_triggers: 2, plan_steps: 4, rederive_run: 4}
    kept = {module: module.CHUNK for module in parts}
    for module, few in parts.items():
        module.CHUNK = few
    try:
        yield
    finally:
        for module, many in kept.items():
            module.CHUNK = many


def _met(bench):
    with writing(bench.engine) as connection:
        left = people(connection)
        for address in MET:
            note_trigger(connection, Trigger.CONFIRMED, by_address_key(connection, address).id, NOW)
    return {"left": left}


def _enrolled(bench):
    ids = _met(bench)
    bench.tick(BEGINS, CONTENT)
    return ids


def _pass(bench, now, content, rounds=2):
    with in_small_parts():
        for _round in range(rounds):
            for due in bench.tick(now, content):
                if due.job == "plan_mailing":
                    bench.plan(due.mailing_id, EDITIONS, now)
                    bench.submit(due.mailing_id)


def _enroll(bench, _ids):
    _pass(bench, BEGINS, CONTENT)


def _enroll_again(bench, ids):
    _recover_and_check(bench, ids, BEGINS, CONTENT, {"hello": len(MET), "opening": 5})


def _plan(bench, _ids):
    _pass(bench, LATER, CONTENT)


def _plan_again(bench, ids):
    _recover_and_check(bench, ids, LATER, CONTENT, {"hello": len(MET), "opening": 5, "second": 11})


def _agree_and_plan(bench, _ids):
    with writing(bench.engine) as connection:
        for run in open_runs(connection):
            if run.launch_id is not None and run.timings != timings_of(EDITED.steps["launch"]):
                agree(connection, run, run.anchors, timings_of(EDITED.steps["launch"]))
    _pass(bench, LATER, EDITED)


def _agree_and_plan_again(bench, ids):
    _agree_and_plan(bench, ids)
    _recover_and_check(bench, ids, LATER, EDITED, {"hello": len(MET), "opening": 5, "second": 11})


def _recover_and_check(bench, _ids, now, content, expected):
    with in_small_parts():
        recover(bench, EDITIONS, now, content)
    with reading(bench.engine) as connection:
        assert connection.execute(select(triggers)).all() == [], "a trigger waits that was to be taken"
        _check_enrollments(connection)
        _check_steps(connection, expected)


def _check_enrollments(connection):
    """Everybody whom the launch concerns is in its run once, and has at most one step that is due."""
    runs = {run.id: run.key for run in open_runs(connection)}
    rows = connection.execute(select(enrollments)).all()
    inside = Counter(runs[row.run_id] for row in rows)
    assert inside["launch:producer-groups"] == 12, "of those confirmed somebody is missing, or is in twice"
    assert inside["event:welcome"] == len(MET)
    due = Counter(connection.execute(select(due_steps.c.enrollment_id).where(due_steps.c.state == "due")).scalars())
    assert all(number == 1 for number in due.values())
    for row in rows:
        assert (row.status == "active") == (row.id in due), f"{row} has a step due, or has not, against its status"


def _check_steps(connection, expected):
    """Each step is owed to each of its readers by one mailing, which is the one its row names."""
    named = select(mailings.c.run_id, mailings.c.step_id, addressees.c.subscriber_id, mailings.c.id).join(
        addressees, addressees.c.mailing_id == mailings.c.id
    )
    owed = [tuple(row) for row in connection.execute(named)]
    assert max(Counter(row[:3] for row in owed).values()) == 1, "a step is owed twice to somebody"
    planned = select(due_steps.c.run_id, due_steps.c.step_id, due_steps.c.subscriber_id, due_steps.c.mailing_id).where(
        due_steps.c.state == "planned"
    )
    assert {tuple(row) for row in connection.execute(planned)} == set(owed)
    assert Counter(row[1] for row in owed) == expected, "a step was lost, or sent to whom it does not mean"


FOLLOWED_UP = {
    "enrolling an audience and whom events have met": Scenario(_met, _enroll, _enroll_again),
    "planning the steps that are due": Scenario(_enrolled, _plan, _plan_again),
    "agreeing to another hour, and planning": Scenario(_enrolled, _agree_and_plan, _agree_and_plan_again),
}
