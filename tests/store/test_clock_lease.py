"""One clock holds the lease; another takes over when it was given back or has run out."""

from datetime import timedelta

from tests.support.waiting import until
from worker.store.clock_lease import hold_clock, note_tick, release_clock, since_last_tick
from worker.store.engine import reading


def test_one_clock_holds_and_renews_while_the_other_stands_by(engine):
    assert hold_clock(engine, "a", 60)
    assert not hold_clock(engine, "b", 60)
    assert hold_clock(engine, "a", 60)
    assert not hold_clock(engine, "b", 60)


def test_a_lease_given_back_is_free_at_once(engine):
    assert hold_clock(engine, "a", 60)
    release_clock(engine, "a")
    assert hold_clock(engine, "b", 60)
    assert not hold_clock(engine, "a", 60)


def test_a_clock_gives_back_only_its_own_lease(engine):
    assert hold_clock(engine, "a", 60)
    release_clock(engine, "b")
    assert not hold_clock(engine, "b", 60)


def test_a_lease_that_ran_out_is_taken_by_one_only(engine):
    assert hold_clock(engine, "a", 0.05)
    until(lambda: hold_clock(engine, "b", 60), seconds=5, what="the lease running out")
    assert not hold_clock(engine, "a", 60)
    assert not hold_clock(engine, "c", 60)


def test_the_last_tick_is_remembered_with_its_age(engine):
    with reading(engine) as connection:
        assert since_last_tick(connection) is None
    note_tick(engine)
    with reading(engine) as connection:
        assert timedelta(seconds=-1) < since_last_tick(connection) < timedelta(seconds=10)
