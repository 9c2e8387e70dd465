"""The longest values in the list of readers."""

from tests.support.makers import make_subscriber
from worker.store.engine import reading, writing
from worker.store.measure import longest_values


def test_the_longest_name_of_whoever_may_be_mailed_is_measured_in_characters(engine):
    with reading(engine) as connection:
        assert longest_values(connection) is None
    with writing(engine) as connection:
        make_subscriber(connection, name="Zoë 漢字")
        reader = make_subscriber(connection, name="")
        make_subscriber(connection, name="A very much longer name than theirs", status="unsubscribed")
    with reading(engine) as connection:
        assert longest_values(connection) == (6, len(reader.referral_code))
