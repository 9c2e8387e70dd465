"""Planning freezes audience and plan in one snapshot, loses nobody, and can be repeated."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from tests.support.ledger import EDITIONS, counts, make_edition, make_mailing, plan, planned_mailing, statuses
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.domain.late import Late
from worker.domain.mailing import MailingKind, MailingStatus
from worker.domain.segment import DaysAgo, HasPlan, HasTag, JoinedAfter
from worker.domain.subscriber import Plan
from worker.errors import LedgerError
from worker.store.engine import reading, writing
from worker.store.launches import convert
from worker.store.ledger.counts import count_exclusions
from worker.store.ledger.frozen import read_editions
from worker.store.ledger.mailings import NewAddressee, cancel_mailing, find_mailing, get_mailing
from worker.store.ledger.plan import count_audience
from worker.store.tables import deliveries, subscribers


def test_every_candidate_becomes_a_delivery_or_an_exclusion_with_its_reason(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 5)
        make_subscribers(connection, 2, plan="paid")
        make_subscriber(connection, status="pending")
        make_subscriber(connection, status="unsubscribed")
        make_subscriber(connection, suppressed="bounced")
        make_subscriber(connection, suppressed="complained")
        make_subscriber(connection, status="unsubscribed", suppressed="complained")
    mailing_id = planned_mailing(engine)
    with reading(engine) as connection:
        mailing = get_mailing(connection, mailing_id)
        excluded = count_exclusions(connection, mailing_id)
    assert (mailing.status, mailing.candidates, mailing.audience) == (MailingStatus.SENDING, 12, 7)
    assert excluded == {"unconfirmed": 1, "unsubscribed": 1, "bounced": 1, "complained": 2}
    assert counts(engine, mailing_id).by_state["pending"] == 7


def test_each_reader_gets_the_edition_of_the_plan_they_had_when_it_was_planned(engine):
    with writing(engine) as connection:
        free = make_subscriber(connection)
        paid = make_subscriber(connection, plan="paid")
    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        connection.execute(subscribers.update().values(plan="free"))
        editions = read_editions(connection, mailing_id)
        rows = connection.execute(select(deliveries.c.subscriber_id, deliveries.c.edition_id)).all()
    assert {person: editions[edition].plan for person, edition in rows} == {free.id: Plan.FREE, paid.id: Plan.PAID}


def test_days_ago_are_counted_from_the_mailings_hour_whenever_it_is_planned(engine):
    hour = datetime(2030, 6, 15, 7, tzinfo=UTC)
    rule = JoinedAfter(DaysAgo(30), "UTC")
    with writing(engine) as connection:
        make_subscriber(connection, joined_at=datetime(2030, 5, 16, 23, 59, tzinfo=UTC))
        new = make_subscriber(connection, joined_at=datetime(2030, 5, 17, tzinfo=UTC))
        mailing_id = make_mailing(connection, send_at=hour, late=Late.SEND)
        assert count_audience(connection, MailingKind.BROADCAST, None, rule, hour) == {"free": {"audience": 1}}
    plan(engine, mailing_id, rule)
    with reading(engine) as connection:
        owed = connection.execute(select(deliveries.c.subscriber_id)).scalars().all()
    assert owed == [new.id]


def test_a_frozen_edition_comes_back_exactly_as_it_was_rendered(engine):
    with writing(engine) as connection:
        make_subscriber(connection)
    mailing_id = planned_mailing(engine)
    with reading(engine) as connection:
        kept = {edition.plan: edition.hash for edition in read_editions(connection, mailing_id).values()}
    assert kept == {plan: edition.hash for plan, edition in EDITIONS.items()}


def test_batches_hold_no_more_than_their_size_and_never_mix_editions(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 7)
        make_subscribers(connection, 4, plan="paid")
    mailing_id = planned_mailing(engine, batch_size=3)
    per_batch = text(
        "SELECT batch_id, count(*), count(DISTINCT edition_id) FROM deliveries GROUP BY batch_id ORDER BY 1"
    )
    with reading(engine) as connection:
        rows = connection.execute(per_batch).all()
    assert [(size, kinds) for _, size, kinds in rows] == [(3, 1), (3, 1), (1, 1), (3, 1), (1, 1)]
    assert statuses(engine, mailing_id) == ["pending"] * 5


def test_planning_again_changes_nothing(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        make_subscriber(connection)
    assert plan(engine, mailing_id) is None
    assert counts(engine, mailing_id).audience == 3


def test_two_planners_at_once_plan_once(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 50)
        mailing_id = make_mailing(connection, batch_size=7)
    barrier, results = threading.Barrier(2), []

    def run():
        barrier.wait()
        try:
            results.append(plan(engine, mailing_id))
        except Exception as lost:  # PostgreSQL tells the loser of two snapshots so
            results.append(type(lost).__name__)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(hasattr(result, "audience") for result in results) == 1
    assert counts(engine, mailing_id).audience == 50


def test_a_plan_without_an_edition_is_refused_and_nothing_is_written(engine):
    with writing(engine) as connection:
        make_subscriber(connection)
        make_subscriber(connection, plan="paid")
        mailing_id = make_mailing(connection)
    with pytest.raises(LedgerError, match="2 candidates, but 1 deliveries"):
        plan(engine, mailing_id, editions={Plan.FREE: make_edition("free")})
    with reading(engine) as connection:
        assert get_mailing(connection, mailing_id).status is MailingStatus.PLANNING
        assert connection.execute(select(deliveries)).all() == []
    assert plan(engine, mailing_id).audience == 2


def test_a_segment_picks_by_plan_and_tag(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 3)
        make_subscribers(connection, 2, plan="paid", tags={"producer"})
        by_plan, by_tag = make_mailing(connection), make_mailing(connection)
    assert plan(engine, by_plan, HasPlan(Plan.FREE)).candidates == 3
    assert plan(engine, by_tag, HasTag("producer")).candidates == 2


def test_an_empty_audience_plans_and_finishes(engine):
    from worker.store.ledger.sweep import finish_mailings

    mailing_id = planned_mailing(engine)
    with writing(engine) as connection:
        assert finish_mailings(connection, NOW) == 1
        assert get_mailing(connection, mailing_id).status is MailingStatus.FINISHED


def test_a_launch_step_leaves_out_those_who_applied(engine):
    with writing(engine) as connection:
        applied, other = make_subscribers(connection, 2)
        convert(connection, "producer-groups", applied.id, "applied", NOW)
    mailing_id = planned_mailing(engine, kind=MailingKind.STEP, launch_id="producer-groups")
    with reading(engine) as connection:
        assert count_exclusions(connection, mailing_id) == {"converted": 1}
        assert connection.execute(select(deliveries.c.subscriber_id)).scalars().all() == [other.id]


def test_a_one_off_goes_to_the_named_subscriber_only(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 3)
        chosen = make_subscriber(connection, plan="paid")
    mailing_id = planned_mailing(engine, kind=MailingKind.REWARD, addressees=[NewAddressee(chosen.id, Plan.PAID)])
    with reading(engine) as connection:
        assert connection.execute(select(deliveries.c.subscriber_id)).scalars().all() == [chosen.id]
        assert get_mailing(connection, mailing_id).candidates == 1


def test_a_test_mail_goes_to_an_address_that_is_nobodys(engine):
    mailing_id = planned_mailing(
        engine, kind=MailingKind.TEST, addressees=[NewAddressee(None, Plan.PAID, "Author@Example.com")]
    )
    with reading(engine) as connection:
        row = connection.execute(select(deliveries)).one()
    assert (row.address, row.address_key, row.subscriber_id) == ("Author@Example.com", "author@example.com", None)
    assert counts(engine, mailing_id).audience == 1


def test_a_key_makes_one_mailing_however_often_it_is_created(engine):
    with writing(engine) as connection:
        first = make_mailing(connection, key="broadcast:one")
        assert make_mailing(connection, key="broadcast:one") is None
        assert find_mailing(connection, "broadcast:one").id == first


def test_a_cancelled_mailing_is_not_planned(engine):
    with writing(engine) as connection:
        make_subscriber(connection)
        mailing_id = make_mailing(connection)
        assert cancel_mailing(connection, mailing_id, NOW)
    assert plan(engine, mailing_id) is None
