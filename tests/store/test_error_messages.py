"""Errors of the database end in logs, so they must not repeat the values of the statement that failed."""

import traceback

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.support.makers import make_subscriber
from worker.store.engine import writing
from worker.store.tables import subscribers


def test_a_database_error_does_not_repeat_an_address(engine):
    statement = text("INSERT INTO no_such_table VALUES (:address)")
    with pytest.raises(DBAPIError) as wrong, engine.begin() as connection:
        connection.execute(statement, {"address": "ada@example.com"})
    assert "no_such_table" in str(wrong.value)
    assert "ada@example.com" not in str(wrong.value)


def test_nor_does_one_about_an_address_that_is_there_already(engine):
    """PostgreSQL adds the key that is there already, which may be an address."""
    with writing(engine) as connection:
        make_subscriber(connection, address="ada@example.com")
        other = make_subscriber(connection)
    with pytest.raises(IntegrityError) as wrong, writing(engine) as connection:
        connection.execute(
            update(subscribers).where(subscribers.c.id == other.id).values(address_key="ada@example.com")
        )
    told = "".join(traceback.format_exception(wrong.value))
    assert "address_key" in told
    assert "ada@" not in told
