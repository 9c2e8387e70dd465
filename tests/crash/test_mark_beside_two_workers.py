"""The mark that shows a restored database must not take another worker's newest submission for one."""

from sqlalchemy import event

from tests.support.crash_bench import Bench
from tests.support.ledger import claim_and_start, planned_mailing
from tests.support.makers import make_subscribers
from worker.store.engine import open_engine, reading, writing
from worker.store.installation import fenced_reason, identity
from worker.usecases.desk import open_desk


def test_a_worker_that_starts_while_another_opens_its_desk_raises_no_false_alarm(engine, database_url, tmp_path):
    """At every statement of the opening, in turn, the other worker starts a batch and notes it."""
    other = open_engine(database_url)
    bench = Bench(engine, database_url, "http://127.0.0.1:9", tmp_path)
    with writing(other) as connection:
        make_subscribers(connection, 40)
        name = identity(connection)
    mailing_id = planned_mailing(other, batch_size=1)
    claim_and_start(other, mailing_id)
    seen = []

    def start_another_at(number):
        def after(_connection, _cursor, statement, *_):
            seen.append(statement)
            if len(seen) == number and not statement.startswith("BEGIN IMMEDIATE"):
                bench.terms.mark.note(name, claim_and_start(other, mailing_id).submission_id)

        return after

    number = statements = 1
    while number <= statements:
        listener = start_another_at(number)
        event.listen(engine, "after_cursor_execute", listener)
        seen.clear()
        assert open_desk(engine, bench.provider, mailing_id, bench.terms) is not None, f"fenced after {seen}"
        event.remove(engine, "after_cursor_execute", listener)
        statements = max(statements, len(seen))
        number += 1
    with reading(other) as connection:
        assert fenced_reason(connection) is None
    other.dispose()
    assert statements >= 4
