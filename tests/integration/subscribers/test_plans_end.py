"""The clock ends paid time, and a mailing that was planned before keeps the edition it was planned with."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from tests.support.followups import PUBLICATION
from tests.support.ledger import check_invariants, claim, counts, make_mailing, plan, start
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.domain.mailing import MailingKind
from worker.domain.segment import EVERYONE
from worker.domain.subscriber import Plan
from worker.store.engine import reading, write, writing
from worker.store.grants import NewGrant, give
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.plan import count_audience
from worker.store.subscribers import by_id
from worker.store.tables import deliveries, subscribers
from worker.usecases import end_plans
from worker.usecases.tick import Content, tick

ZONE = PUBLICATION.slot.zone
NOTHING = Content(PUBLICATION, {}, {})
END = datetime(2026, 12, 17, tzinfo=UTC)  # of a month given on 16 November


def strike(engine, now):
    return tick(engine, NOTHING, now=now, batch_size=5, lanes=1)


def plans(engine):
    with reading(engine) as connection:
        query = select(subscribers.c.plan, subscribers.c.plan_source).order_by(subscribers.c.id)
        return [tuple(row) for row in connection.execute(query)]


def give_month(engine, reader, key="manual:1", now=NOW):
    write(engine, lambda connection: give(connection, reader.id, NewGrant(key, "gifted", 1), ZONE, now))


def test_a_tick_ends_the_plan_at_the_end_of_its_last_day_and_not_before(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    give_month(engine, reader)
    strike(engine, END - timedelta(milliseconds=1))
    assert plans(engine) == [("paid", "gifted")]
    strike(engine, END)
    strike(engine, END)
    assert plans(engine) == [("free", "")]


def test_more_than_one_ticks_worth_are_ended_over_some_ticks_and_nobody_is_left(engine, monkeypatch):
    monkeypatch.setattr(end_plans, "MOST", 4)
    monkeypatch.setattr(end_plans, "_CHUNK", 3)
    with writing(engine) as connection:
        make_subscribers(connection, 10, plan="paid", plan_source="trial", plan_ends_at=NOW)
        make_subscribers(connection, 2, plan="paid")
    done = datetime(2026, 11, 18, tzinfo=UTC)
    ended = []
    for _ in range(7):
        strike(engine, done)
        ended.append(sum(plan == "free" for plan, _ in plans(engine)))
    # Each is kept as a grant and ended in one go, for their last day is over.
    assert ended == [4, 8, 10, 10, 10, 10, 10]
    assert plans(engine).count(("paid", "")) == 2


def test_nobody_but_the_erased_is_passed_over(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 1, plan="paid", plan_source="trial", plan_ends_at=NOW, status="unsubscribed")
        make_subscribers(connection, 1, plan="paid", plan_source="trial", plan_ends_at=NOW, status="pending")
    strike(engine, END)
    assert plans(engine) == [("free", ""), ("free", "")]


def _editions_of(engine, mailing_id):
    with reading(engine) as connection:
        names = {one: edition.plan for one, edition in read_editions(connection, mailing_id).items()}
        rows = connection.execute(select(deliveries.c.subscriber_id, deliveries.c.edition_id))
        return {row.subscriber_id: names[row.edition_id] for row in rows}


def test_a_planned_mailing_keeps_its_editions_whichever_way_plans_change_before_it_is_submitted(engine):
    with writing(engine) as connection:
        ending, given, always, never = (make_subscriber(connection) for _ in range(4))
        connection.execute(update(subscribers).where(subscribers.c.id == always.id).values(plan="paid"))
    give_month(engine, ending)
    with writing(engine) as connection:
        mailing_id = make_mailing(connection, batch_size=1)
    plan(engine, mailing_id)
    planned = {ending.id: Plan.PAID, given.id: Plan.FREE, always.id: Plan.PAID, never.id: Plan.FREE}
    assert _editions_of(engine, mailing_id) == planned
    first = start(engine, claim(engine, mailing_id))  # one is in flight, the others pending
    strike(engine, END)
    give_month(engine, given, "manual:2", END)
    with reading(engine) as connection:
        assert (by_id(connection, ending.id).plan, by_id(connection, given.id).plan) == (Plan.FREE, Plan.PAID)
    started = [first, *(start(engine, claim(engine, mailing_id)) for _ in range(3))]
    # Each reader is in a batch of the edition they were planned with: that text and no other is what the call carries.
    with reading(engine) as connection:
        texts = read_editions(connection, mailing_id)
    carried = {one.recipients[0].subscriber_id: texts[one.batch.edition_id].plan for one in started}
    assert carried == planned
    assert counts(engine, mailing_id).by_state["submitting"] == 4
    check_invariants(engine)


def test_a_mailing_planned_after_the_end_takes_them_for_a_free_reader_however_the_segment_asks(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
    give_month(engine, reader)
    strike(engine, END)
    with reading(engine) as connection:
        assert count_audience(connection, MailingKind.BROADCAST, None, EVERYONE, END) == {"free": {"audience": 1}}
    with writing(engine) as connection:
        mailing_id = make_mailing(connection)
    plan(engine, mailing_id)
    assert _editions_of(engine, mailing_id) == {reader.id: Plan.FREE}
