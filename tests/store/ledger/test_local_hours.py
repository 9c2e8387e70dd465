"""A mailing at its wall time where each reader lives: planned once, in batches that wait for their own moment."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from tests.support.ledger import check_invariants, claim, counts, make_mailing, plan, start
from tests.support.makers import make_subscriber
from worker.domain.segment import EVERYONE
from worker.store.engine import reading, writing
from worker.store.ledger.local_hours import count_ahead, count_hours, hours_of
from worker.store.ledger.settle import hold_back
from worker.store.ledger.sweep import finish_mailings
from worker.store.tables import batches, deliveries, mailings, subscribers

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
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
        connection.execute(update(batches).where(batches.c.not_before == at(-2)).values(not_before=LONG_AGO))
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


def test_the_preview_counts_who_may_be_mailed_by_moment(engine):
    planned(engine)
    with writing(engine) as connection:
        make_subscriber(connection, zone="Pacific/Auckland", status="unsubscribed")
        make_subscriber(connection, zone="Pacific/Auckland", suppressed="bounced")
    with reading(engine) as connection:
        assert count_hours(connection, EVERYONE, WALL, "Europe/Amsterdam") == {at(-2): 4, at(6): 16, at(14): 4}


def test_of_batches_that_wait_the_readers_are_counted_by_moment(engine):
    mailing_id = planned(engine)
    with reading(engine) as connection:
        assert count_ahead(connection, mailing_id, at(-3)) == {at(-2): 4, at(6): 16, at(14): 4}
        assert count_ahead(connection, mailing_id, at(6)) == {at(14): 4}


def test_readers_of_one_moment_share_batches_whatever_their_zones_are_called(engine):
    mailing_id = planned(engine, batch_size=100)
    with reading(engine) as connection:
        query = (
            select(batches.c.edition_id, batches.c.number, batches.c.not_before, func.count())
            .join(deliveries, deliveries.c.batch_id == batches.c.id)
            .where(batches.c.mailing_id == mailing_id)
            .group_by(batches.c.edition_id, batches.c.number, batches.c.not_before)
        )
        found = [tuple(row) for row in connection.execute(query)]
    assert sorted((number, moment, readers) for _, number, moment, readers in found) == [
        (0, at(-2), 1),
        (0, at(-2), 3),
        (1, at(6), 4),
        (1, at(6), 12),
        (2, at(14), 1),
        (2, at(14), 3),
    ]


def test_what_holds_a_mailing_back_lets_nobody_have_it_before_their_hour(engine):
    mailing_id = planned(engine)
    with writing(engine) as connection:
        hold_back(connection, mailing_id, at(7))
    found = dict(waits(engine, mailing_id))
    assert (found["Asia/Tokyo"], found["Europe/Madrid"], found["America/Denver"]) == (at(7), at(7), at(14))


def test_whoever_left_before_their_hour_is_not_mailed_at_it(engine):
    mailing_id = planned(engine, batch_size=100)
    with writing(engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.zone == "Asia/Tokyo").values(status="unsubscribed"))
        connection.execute(update(batches).values(not_before=LONG_AGO))
    while (batch := claim(engine, mailing_id)) is not None:
        start(engine, batch)
    assert counts(engine, mailing_id).skipped == {"unsubscribed": 4}


def test_it_is_finished_only_when_the_last_hour_is_over(engine):
    mailing_id = planned(engine, batch_size=100)
    early = update(batches).where(batches.c.not_before < at(14))
    with writing(engine) as connection:
        connection.execute(early.values(status="submitted"))
        assert finish_mailings(connection, at(20)) == 0
        connection.execute(update(batches).values(status="submitted"))
        assert finish_mailings(connection, at(20)) == 1
    assert counts(engine, mailing_id).audience == 24


@given(
    st.lists(st.sampled_from(sorted(available_timezones())) | st.just(""), max_size=12),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  wall times
)
def test_every_zone_has_one_moment_and_none_is_lost(zones, wall):
    found = hours_of(set(zones), wall, "Europe/Amsterdam")
    assert sorted(zone for group in found.values() for zone in group) == sorted(set(zones))
    assert all(max(found) - one <= timedelta(hours=27) for one in found), "the earth has no more hours than that"
