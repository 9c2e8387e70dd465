"""A list that comes from elsewhere with people who were erased there and came back: they are promised what is left."""

import pytest

from tests.support.importing import load
from tests.support.lists import leave_with_the_list
from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import bring, make_milestone, make_rules, verify
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.milestones import rewards_of
from worker.store.subscribers import by_address_key
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.look_at_friends import look_at_friends
from worker.usecases.look_at_text import find_reader

RULES = make_rules(make_milestone("month", 2), make_milestone("year", 5, months=12))


@pytest.mark.parametrize("earlier", ["erased", "another spelling"])
def test_what_they_earned_before_is_not_promised_them_where_the_list_is_imported(engine, tmp_path, earlier):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        noor = make_subscriber(connection, address="noor@gmail.com")
        for friend in make_subscribers(connection, 2):
            bring(connection, noor, friend)
    verify(engine, RULES)
    if earlier == "erased":
        erase_subscriber(engine, "noor@gmail.com", NOW, None, without_sendgrid=True)
    with writing(engine) as connection:
        make_subscriber(connection, address="no.or@gmail.com")
    content = leave_with_the_list(engine, tmp_path)
    for _ in range(2):  # the second time nothing changes
        load(engine, content, milestones=RULES.milestones)
        with reading(engine) as connection:
            again = by_address_key(connection, "no.or@gmail.com")
            noted = [(one.milestone_id, one.state) for one in rewards_of(connection, [again.id])]
        assert noted == [("month", "void")]
        assert look_at_friends(engine, again.id, RULES).ahead.id == "year"
        assert find_reader(engine, "no.or@gmail.com")[1].milestones == "month"  # what merge tags in their mail go by
