"""A mailing at its wall time where each reader lives: planned once, in batches that wait for their own moment."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from tests.support.ledger import check_invariants, claim, counts, make_mailing, plan
from tests.support.makers import make_subscriber
from worker.domain.segment import EVERYONE
from worker.store.engine import reading, writing
from worker.store.ledger.local_hours import count_hours, hours_of
from worker.store.tables import batches, deliveries, mailings, subscribers

WALL = datetime(2027, 3, 1, 7, 0)  # noqa: DTZ001  a wall time
IN_UTC = {
    "Asia/Tokyo": 22 - 24,
    "": 6,
    "Mars/Olympus": 6,
    "Europe/Amsterdam": 6,
    "Europe/Madrid": 6,
    "America/Denver": 14,
}


def at(hour):
    return datetime(2027, 3, 1, tzinfo=UTC) + timedelta(hours=hour)


def planned(engine, batch_size=2):
    """Three free readers in each zone, and a paying one; the publication's zone is Amsterdam's."""
    with writing(engine) as connection:
        for zone in IN_UTC:
            for plan_name in ("free", "free", "free", "paid"):
                reader = make_subscriber(connection, plan_name)
                connection.execute(update(subscribers).where(subscribers.c.id == reader.id).values(zone=zone))
        mailing_id = make_mailing(connection, batch_size=batch_size, local_hour=True)
        of_it = update(mailings).where(mailings.c.id == mailing_id)
        connection.execute(of_it.values(wall_time="2027-03-01T07:00", zone="Europe/Amsterdam"))
    plan(engine, mailing_id)
    return mailing_id


def waits(engine, mailing_id):
    """Each reader's zone, and before when nothing of their batch goes."""
    with reading(engine) as connection:
        query = (
            select(subscribers.c.zone, batches.c.not_before)
            .join(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
            .join(batches, batches.c.id == deliveries.c.batch_id)
            .where(deliveries.c.mailing_id == mailing_id)
        )
        return [tuple(row) for row in connection.execute(query)]


def test_every_reader_waits_for_the_hour_where_they_live(engine):
    found = Counter(waits(engine, planned(engine)))
    assert found == {(zone, at(hour)): 4 for zone, hour in IN_UTC.items()}


def test_nobody_is_planned_twice_or_forgotten_and_batches_keep_their_size(engine):
    mailing_id = planned(engine, batch_size=4)
    assert counts(engine, mailing_id).audience == 24
    with reading(engine) as connection:
        sizes = Counter(connection.execute(select(deliveries.c.batch_id)).scalars())
    assert max(sizes.values()) <= 4
    check_invariants(engine)


def test_a_batch_goes_only_once_its_moment_has_come(engine):
    mailing_id = planned(engine)
    assert claim(engine, mailing_id) is None
    with writing(engine) as connection:
        past = datetime(2020, 1, 1, tzinfo=UTC)
        connection.execute(update(batches).where(batches.c.not_before == at(-2)).values(not_before=past))
    claimed = claim(engine, mailing_id)
    with reading(engine) as connection:
        query = (
            select(subscribers.c.zone)
            .join(deliveries, deliveries.c.subscriber_id == subscribers.c.id)
            .where(deliveries.c.batch_id == claimed.id)
        )
        assert set(connection.execute(query).scalars()) == {"Asia/Tokyo"}


def test_zones_nobody_knows_have_the_publications_hour():
    assert hours_of(["", "Mars/Olympus", "../etc/passwd"], WALL, "Europe/Amsterdam") == {
        at(6): ["", "../etc/passwd", "Mars/Olympus"]
    }


def test_the_preview_counts_readers_by_moment(engine):
    planned(engine)
    with reading(engine) as connection:
        assert count_hours(connection, EVERYONE, WALL, "Europe/Amsterdam") == {at(-2): 4, at(6): 16, at(14): 4}
