"""Due steps are found by what is due: by an index over those alone, never by a look at the list."""

import re

import pytest
from sqlalchemy import event

from tests.support.makers import NOW
from worker.store.engine import reading
from worker.store.followups.due import due_now, next_due
from worker.store.followups.near import followups_near


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda connection: due_now(connection, NOW, {}, 10), "ix_due_steps_due"),
        (lambda connection: due_now(connection, NOW, {1: {"a"}, 2: None}, 10), "ix_due_steps_due"),
        (next_due, "ix_due_steps_due"),
        (lambda connection: followups_near(connection, [1, 2], NOW), "ix_due_steps_subscriber_id_decided_at"),
    ],
)
def test_a_question_of_every_tick_is_answered_by_an_index(sqlite_engine, ask, index):
    asked = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda _c, _u, sql, values, *_: asked.append((sql, values)))
    with reading(sqlite_engine) as connection:
        ask(connection)
        sql, values = asked[-1]
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(index in step for step in plan), plan
    assert not [step for step in plan if re.match(r"SCAN due_steps(?! USING)", step)], plan
