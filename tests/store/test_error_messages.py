"""Errors of the database end in logs, so they must not repeat the values of the statement that failed."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError


def test_a_database_error_does_not_repeat_an_address(engine):
    statement = text("INSERT INTO no_such_table VALUES (:address)")
    with pytest.raises(DBAPIError) as wrong, engine.begin() as connection:
        connection.execute(statement, {"address": "ada@example.com"})
    assert "no_such_table" in str(wrong.value)
    assert "ada@example.com" not in str(wrong.value)
