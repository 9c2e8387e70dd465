"""Grants on both databases: the columns of a subscriber follow the list, and a key counts once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from tests.support.importing import load
from tests.support.makers import JOINED, NOW, make_subscriber
from tests.support.staging import Beside
from tests.support.waiting import until
from worker.domain.subscriber import Plan
from worker.store.engine import reading, write, writing
from worker.store.grants import NewGrant, end_plans, give, plans_past_their_end, read_grants, revoke, set_bought
from worker.store.subscribers import by_id, update_subscriber
from worker.store.tables import subscribers

ZONE = "Europe/Lisbon"


def plan_of(engine, reader):
    with reading(engine) as connection:
        found = by_id(connection, reader.id)
    return found.plan, found.plan_source, found.plan_ends_at


def given(engine, reader, key="manual:1", source="comped", now=NOW, **rest):
    return write(engine, lambda connection: give(connection, reader.id, NewGrant(key, source, **rest), ZONE, now))


@pytest.fixture
def reader(engine):
    with writing(engine) as connection:
        return make_subscriber(connection)


def test_a_grant_makes_a_free_reader_a_paying_one_until_the_end_of_a_day(engine, reader):
    assert given(engine, reader, months=1)
    assert plan_of(engine, reader) == (Plan.PAID, "comped", datetime(2026, 12, 17, tzinfo=UTC))


def test_a_key_that_was_given_before_changes_nothing_whoever_it_was_given_to(engine, reader):
    with writing(engine) as connection:
        other = make_subscriber(connection)
    assert given(engine, reader, "reward:1:3", "reward", months=1)
    before = plan_of(engine, reader)
    assert not given(engine, reader, "reward:1:3", "reward", months=1, now=NOW + timedelta(days=3))
    assert not given(engine, other, "reward:1:3", "reward", months=1)
    assert plan_of(engine, reader) == before
    assert plan_of(engine, other) == (Plan.FREE, "", None)


def test_rewards_and_manual_months_stack_on_one_another_and_behind_what_an_import_brought(engine):
    with writing(engine) as connection:
        bought = make_subscriber(
            connection, "paid", plan_source="gifted", plan_ends_at=datetime(2026, 11, 30, 15, tzinfo=UTC)
        )
    given(engine, bought, "reward:1", "reward", months=1)
    given(engine, bought, "manual:1", "comped", months=2)
    assert plan_of(engine, bought) == (Plan.PAID, "comped", datetime(2027, 3, 1, tzinfo=UTC))
    with reading(engine) as connection:
        listed = [(one.source, one.months) for one in read_grants(connection, bought.id)]
    assert listed == [("gifted", None), ("reward", 1), ("comped", 2)]


def test_a_plan_an_import_brought_without_an_end_stays_paid_with_or_without_grants(engine):
    with writing(engine) as connection:
        plain = make_subscriber(connection, "paid")
        stripe = make_subscriber(connection, "paid", plan_source="stripe", stripe_id="cus_1")
    given(engine, stripe, months=3)
    far = NOW + timedelta(days=4_000)
    for one in (plain, stripe):
        write(engine, lambda connection, one=one: end_plans(connection, one.id, ZONE, far))
    assert plan_of(engine, plain) == (Plan.PAID, "", None)
    assert plan_of(engine, stripe) == (Plan.PAID, "stripe", None)


def test_months_that_waited_behind_a_bought_plan_begin_when_an_import_ends_it(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection, "paid", plan_source="stripe")
    given(engine, reader, months=1)
    ended = datetime(2027, 2, 10, 12, tzinfo=UTC)
    with writing(engine) as connection:
        state = set_bought(connection, reader.id, Plan.FREE, "", None, ZONE, ended)
    assert (state.plan, state.source, state.ends_at) == (Plan.PAID, "comped", datetime(2027, 3, 11, tzinfo=UTC))
    assert plan_of(engine, reader) == (Plan.PAID, "comped", datetime(2027, 3, 11, tzinfo=UTC))


def test_what_an_import_wrote_into_the_columns_meanwhile_counts_from_then_on(engine, reader):
    """As the plain import does, which knows no grants: free for somebody who was given time, paid for somebody whose ended."""
    given(engine, reader, months=1)
    with writing(engine) as connection:
        update_subscriber(connection, reader.id, {"plan": "free"})
    given(engine, reader, "manual:2", months=1)
    assert plan_of(engine, reader) == (Plan.PAID, "comped", datetime(2027, 1, 17, tzinfo=UTC))
    with writing(engine) as connection:
        connection.execute(update(subscribers).values(plan="paid", plan_source="stripe", plan_ends_at=None))
    late = datetime(2027, 6, 1, tzinfo=UTC)
    given(engine, reader, "manual:3", months=1, now=late)
    assert plan_of(engine, reader) == (Plan.PAID, "stripe", None)
    with writing(engine) as connection:
        update_subscriber(connection, reader.id, {"plan": "free"})
    later = datetime(2027, 8, 1, 9, tzinfo=UTC)
    given(engine, reader, "manual:4", months=1, now=later)  # behind the third, which waited
    assert plan_of(engine, reader) == (Plan.PAID, "comped", datetime(2027, 10, 1, 23, tzinfo=UTC))


def test_the_same_import_twice_makes_one_grant(engine, reader):
    given(engine, reader, months=1)
    ends = datetime(2027, 5, 1, 10, tzinfo=UTC)
    with writing(engine) as connection:
        first = set_bought(connection, reader.id, Plan.PAID, "stripe", ends, ZONE, NOW)
        assert set_bought(connection, reader.id, Plan.PAID, "stripe", ends, ZONE, NOW + timedelta(days=1)) == first
        assert len(read_grants(connection, reader.id)) == 2
    assert plan_of(engine, reader) == (Plan.PAID, "stripe", datetime(2027, 5, 1, 23, tzinfo=UTC))


def test_an_import_of_somebody_with_no_grant_is_kept_as_it_says(engine, reader):
    ends = datetime(2027, 5, 1, 10, tzinfo=UTC)
    with writing(engine) as connection:
        set_bought(connection, reader.id, Plan.PAID, "stripe", ends, ZONE, NOW)
        assert read_grants(connection, reader.id) == []
    assert plan_of(engine, reader) == (Plan.PAID, "stripe", ends)


def test_revoking_takes_the_plan_at_once_and_only_once(engine, reader):
    given(engine, reader, months=1)
    with reading(engine) as connection:
        [one] = read_grants(connection, reader.id)
    with writing(engine) as connection:
        other = make_subscriber(connection)
        assert not revoke(connection, other.id, one.id, ZONE, NOW)
        assert revoke(connection, reader.id, one.id, ZONE, NOW + timedelta(days=1))
        assert not revoke(connection, reader.id, one.id, ZONE, NOW + timedelta(days=2))
    assert plan_of(engine, reader) == (Plan.FREE, "", None)
    with reading(engine) as connection:
        assert read_grants(connection, reader.id)[0].revoked_at == NOW + timedelta(days=1)


def test_an_erased_record_is_given_nothing(engine, reader):
    with writing(engine) as connection:
        connection.execute(update(subscribers).values(status="erased"))
    assert not given(engine, reader, months=1)
    with reading(engine) as connection:
        assert read_grants(connection, reader.id) == []


def test_whose_end_has_come_is_found_earliest_first_and_no_more_than_asked(engine):
    with writing(engine) as connection:
        readers = [
            make_subscriber(connection, "paid", plan_ends_at=NOW - timedelta(hours=hours), plan_source="trial")
            for hours in (1, 3, 2, -1)
        ]
    with reading(engine) as connection:
        assert plans_past_their_end(connection, NOW, 2) == [readers[1].id, readers[2].id]


def test_what_an_import_brought_lasts_until_the_end_of_its_last_day_and_stays_on_the_list(engine):
    ends = datetime(2026, 11, 20, 9, tzinfo=UTC)
    with writing(engine) as connection:
        reader = make_subscriber(connection, "paid", plan_source="trial", plan_ends_at=ends)
        end_plans(connection, reader.id, ZONE, ends + timedelta(minutes=1))
    assert plan_of(engine, reader) == (Plan.PAID, "trial", datetime(2026, 11, 21, tzinfo=UTC))
    with writing(engine) as connection:
        end_plans(connection, reader.id, ZONE, datetime(2026, 11, 21, tzinfo=UTC))
    assert plan_of(engine, reader) == (Plan.FREE, "", None)
    with reading(engine) as connection:
        assert [(one.source, one.starts_at) for one in read_grants(connection, reader.id)] == [("trial", JOINED)]


def test_a_grant_in_the_very_moment_the_clock_ends_the_plan_is_not_lost(here, there):
    """On PostgreSQL, where two transactions run side by side: what comes second waits, and finds what the first wrote."""
    ended = datetime(2026, 12, 17, tzinfo=UTC)
    with writing(here) as connection:
        reader = make_subscriber(connection)
    given(here, reader, months=1)
    with writing(here) as connection:
        end_plans(connection, reader.id, ZONE, ended)
        beside = Beside(lambda: given(there, reader, "manual:2", months=1, now=ended))
        until(lambda: somebody_waits(there), what="the grant waits for the row the clock holds")
    assert beside.result()
    assert plan_of(here, reader) == (Plan.PAID, "comped", datetime(2027, 1, 17, tzinfo=UTC))


def test_two_grants_at_once_are_stacked_and_neither_is_lost(here, there):
    with writing(here) as connection:
        reader = make_subscriber(connection)
        give(connection, reader.id, NewGrant("manual:1", "comped", 1), ZONE, NOW)
    with writing(here) as connection:
        give(connection, reader.id, NewGrant("manual:2", "comped", 1), ZONE, NOW)
        beside = Beside(lambda: given(there, reader, "manual:3", months=1))
        until(lambda: somebody_waits(there), what="the second grant waits for the first")
    assert beside.result()
    assert plan_of(here, reader) == (Plan.PAID, "comped", datetime(2027, 2, 17, tzinfo=UTC))


def somebody_waits(engine):
    """In a transaction of its own each time: within one, PostgreSQL goes on showing what it showed first."""
    with reading(engine) as connection:
        query = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return connection.execute(query).scalar_one() > 0


def test_an_import_that_calls_given_time_bought_keeps_its_end(engine, reader):
    """The end is the same as what they have, so it is no change; paid time without an end would be one."""
    given(engine, reader, ends_at=datetime(2027, 1, 1, tzinfo=UTC))
    load(engine, "email,plan,plan_source,plan_ends", f"{reader.address},paid,stripe,2027-01-01", zone=ZONE)
    # To the end of that day, which is one more than was given.
    assert plan_of(engine, reader) == (Plan.PAID, "stripe", datetime(2027, 1, 2, tzinfo=UTC))
