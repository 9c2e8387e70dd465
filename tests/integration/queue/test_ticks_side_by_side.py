"""A tick and another clock that hold the rows each other wants: PostgreSQL ends one, and a tick that it ended begins again."""

from datetime import timedelta

from sqlalchemy import select, update

from tests.support.databases import waits_for_a_row
from tests.support.followups import PUBLICATION
from tests.support.ledger import planned_mailing
from tests.support.makers import NOW
from tests.support.staging import Beside
from tests.support.waiting import until
from worker.store.engine import reading, writing
from worker.store.tables import mailings
from worker.usecases.content import Content
from worker.usecases.tick import tick


def hold(connection, mailing_id):
    connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(audience=mailings.c.audience))


def statuses(engine):
    with reading(engine) as connection:
        return connection.execute(select(mailings.c.status).order_by(mailings.c.id)).scalars().all()


def test_a_tick_that_the_database_ended_for_another_transaction_begins_again(here, there):
    """Both mailings are done. The other transaction holds the later one, and once the tick has the earlier one, wants that."""
    earlier, later = planned_mailing(here), planned_mailing(here)
    content = Content(PUBLICATION, {}, {}, {})

    with writing(here) as connection:
        connection.exec_driver_sql("SET LOCAL deadlock_timeout = '20s'")  # so it is the tick that is found and ended
        hold(connection, later)
        ticks = Beside(lambda: tick(there, content, now=NOW + timedelta(minutes=1), batch_size=10, lanes=1))
        until(lambda: waits_for_a_row(here), what="the tick to wait for the later mailing")
        hold(connection, earlier)
    assert ticks.result() == []
    assert statuses(here) == ["finished", "finished"]
