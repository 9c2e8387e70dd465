"""Launches in the store: who converted and who muted one, each recorded once."""

from datetime import timedelta

from sqlalchemy import select

from tests.support.makers import NOW, make_subscriber
from worker.store.engine import reading, writing
from worker.store.launches import convert, count_converted, has_converted, has_muted, mute
from worker.store.tables import launch_conversions


def test_a_conversion_is_recorded_once_and_keeps_its_first_moment(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
        assert not has_converted(connection, "producer-groups", reader.id)
        assert convert(connection, "producer-groups", reader.id, "applied", NOW)
        assert not convert(connection, "producer-groups", reader.id, "bought", NOW + timedelta(days=1))
    with reading(engine) as connection:
        row = connection.execute(select(launch_conversions)).one()
        assert (row.how, row.converted_at) == ("applied", NOW)
        assert has_converted(connection, "producer-groups", reader.id)


def test_a_conversion_belongs_to_one_launch_and_one_reader(engine):
    with writing(engine) as connection:
        reader, other = make_subscriber(connection), make_subscriber(connection)
        convert(connection, "producer-groups", reader.id, "applied", NOW)
        assert not has_converted(connection, "spring-course", reader.id)
        assert not has_converted(connection, "producer-groups", other.id)
        assert convert(connection, "spring-course", reader.id, "csv", NOW)
        assert convert(connection, "producer-groups", other.id, "bought", NOW)
        assert count_converted(connection, "producer-groups") == 2
        assert count_converted(connection, "spring-course") == 1


def test_a_launch_is_muted_once_and_no_other_with_it(engine):
    with writing(engine) as connection:
        reader = make_subscriber(connection)
        assert mute(connection, "producer-groups", reader.id, NOW)
        assert not mute(connection, "producer-groups", reader.id, NOW)
        assert has_muted(connection, "producer-groups", reader.id)
        assert not has_muted(connection, "spring-course", reader.id)
        assert not has_converted(connection, "producer-groups", reader.id)
