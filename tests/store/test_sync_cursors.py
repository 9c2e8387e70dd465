"""Places reached in lists kept elsewhere, and turns at a task: one process has it, and it is due again when it should be."""

from datetime import UTC, datetime, timedelta

from worker.store.engine import reading, writing
from worker.store.sync_cursors import end_turn, is_due, put_off, read_cursor, take_turn, write_cursor

T = datetime(2026, 11, 16, 7, 0, tzinfo=UTC)
DAY, LEASE = timedelta(days=1), timedelta(minutes=10)


def take(engine, at):
    with writing(engine) as connection:
        return take_turn(connection, "a task", at, DAY, LEASE)


def due(engine, at):
    with reading(engine) as connection:
        return is_due(connection, "a task", at, DAY)


def test_a_place_is_kept_and_replaced(engine):
    with writing(engine) as connection:
        assert read_cursor(connection, "a list") == ""
        write_cursor(connection, "a list", "one", T)
        write_cursor(connection, "a list", "two", T)
        assert read_cursor(connection, "a list") == "two"


def test_a_turn_is_taken_once_and_again_if_its_process_died(engine):
    assert take(engine, T)
    assert not take(engine, T + timedelta(minutes=9))
    assert take(engine, T + timedelta(minutes=10))


def test_a_turn_that_went_through_is_due_again_after_its_time(engine):
    assert take(engine, T)
    with writing(engine) as connection:
        end_turn(connection, "a task", T)
    assert not due(engine, T + DAY - timedelta(seconds=1))
    assert due(engine, T + DAY)


def test_a_turn_that_failed_is_put_off(engine):
    assert take(engine, T)
    with writing(engine) as connection:
        put_off(connection, "a task", T + timedelta(hours=1))
    assert not due(engine, T + timedelta(minutes=59))
    assert due(engine, T + timedelta(hours=1))
