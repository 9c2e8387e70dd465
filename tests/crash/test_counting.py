"""The table of `make crash` must not be able to say `duplicated 0 lost 0` where it is not so."""

from collections import Counter

from sqlalchemy import select, update

from tests.support.crash_counts import Outcome, judge, table
from tests.support.ledger import planned_mailing
from tests.support.makers import make_subscribers
from worker.store.engine import reading, writing
from worker.store.tables import batches, deliveries, subscribers


def submitted_to_three(engine):
    """The ids of three deliveries, which the ledger takes for submitted although no answer says so."""
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    planned_mailing(engine)
    with writing(engine) as connection:
        connection.execute(update(batches).values(status="submitted"))
    with reading(engine) as connection:
        return connection.execute(select(deliveries.c.id).order_by(deliveries.c.id)).scalars().all()


def test_a_delivery_that_was_accepted_twice_is_counted_as_duplicated(engine):
    first, second, third = submitted_to_three(engine)
    verdict = judge(engine, Counter([first, first, second, third]))
    assert (verdict.duplicated, verdict.lost) == (1, 0)


def test_a_delivery_that_is_called_submitted_and_was_not_accepted_is_counted_as_lost(engine):
    first, second, _third = submitted_to_three(engine)
    verdict = judge(engine, Counter([first, second]))
    assert (verdict.duplicated, verdict.lost) == (0, 1)


def test_a_reader_without_an_address_is_counted_as_lost_unless_their_record_was_erased(engine):
    owed = submitted_to_three(engine)
    one = select(deliveries.c.subscriber_id).where(deliveries.c.id == owed[0]).scalar_subquery()
    with writing(engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id == one).values(address=""))
    assert judge(engine, Counter(owed)).lost == 1
    with writing(engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id == one).values(status="erased"))
    assert judge(engine, Counter(owed)).lost == 0
    assert judge(engine, Counter(owed[1:])).lost == 1  # erased, and called submitted though nobody accepted it


def test_a_batch_that_no_answer_has_settled_is_counted_as_uncertain(engine):
    assert judge(engine, Counter(submitted_to_three(engine))).uncertain == 3


def test_the_last_line_of_the_table_adds_everything_up():
    outcomes = [Outcome("a", "x", "sqlite", duplicated=1), Outcome("b", "y", "postgresql", duplicated=2, lost=3)]
    assert table(outcomes)[-1] == "duplicated 3 lost 3"
