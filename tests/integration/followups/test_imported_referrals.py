"""A list that comes from elsewhere with its referrals: what waited there can be given here, and nothing is earned by it."""

from datetime import timedelta

import pytest

from tests.support.importing import load
from tests.support.lists import leave_with_the_list
from tests.support.makers import NOW, make_subscriber
from tests.support.referring import ZONE, bring, counted, make_milestone, make_rules, verify
from worker.errors import SourceError
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import read_grants
from worker.store.milestones import rewards_of, waiting_rewards
from worker.store.restore import add_milestones
from worker.store.subscribers import by_address_key
from worker.usecases import import_links
from worker.usecases.approve_reward import approve_reward
from worker.usecases.look_at_friends import look_at_friends

RULES = make_rules(make_milestone("month", 3))
BY_HAND = make_rules(make_milestone("year", 1, months=12, manual=True))


@pytest.fixture
def reader(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection, address="noor@example.com")


def noor(engine):
    with reading(engine) as connection:
        return by_address_key(connection, "noor@example.com")


def months(engine):
    with reading(engine) as connection:
        return [one.months for one in read_grants(connection, noor(engine).id)]


def test_a_reward_that_waits_gives_its_months_wherever_it_is_approved(engine, reader, tmp_path):
    with writing(engine) as connection:
        bring(connection, reader, make_subscriber(connection))
    verify(engine, BY_HAND)
    load(engine, leave_with_the_list(engine, tmp_path), milestones=BY_HAND.milestones)
    verify(engine, BY_HAND)
    with reading(engine) as connection:
        [waiting] = waiting_rewards(connection)
    granted = approve_reward(engine, waiting.id, BY_HAND, ZONE, NOW)
    assert (granted.name, granted.reward.months) == ("the reward year", 12)
    assert (noor(engine).plan, months(engine)) == ("paid", [12])
    [told] = look_at_friends(engine, noor(engine).id, make_rules()).rewards
    assert (told.name, told.reward.months) == ("the reward year", 12)  # kept, whatever becomes of the file


def test_what_nobody_knows_any_more_is_not_given_and_waits_on(engine, reader):
    with writing(engine) as connection:
        add_milestones(connection, reader.id, ["year:waiting"], NOW)
        [waiting] = waiting_rewards(connection)
    with pytest.raises(SourceError, match=r"publication\.toml: has no milestone 'year'.*\n.*id = \"year\""):
        approve_reward(engine, waiting.id, RULES, ZONE, NOW)
    with reading(engine) as connection:
        assert waiting_rewards(connection) == [waiting]


@pytest.mark.parametrize("without", [(), ("milestones",)])
@pytest.mark.parametrize("tick_first", [True, False])
def test_an_imported_list_earns_nothing_by_it_whenever_the_clock_looks(engine, reader, tmp_path, without, tick_first):
    with writing(engine) as connection:
        for number in range(3):
            bring(connection, reader, make_subscriber(connection, address=f"friend{number}@example.org"))
    verify(engine, RULES)
    content = leave_with_the_list(engine, tmp_path, *without)
    if tick_first:
        verify(engine, RULES)
    for _ in range(2):  # the second time nothing changes
        load(engine, content, milestones=RULES.milestones)
        verify(engine, RULES, NOW + timedelta(days=1))
    here = noor(engine)
    assert counted(engine, here) == 3
    assert months(engine) == []
    with reading(engine) as connection:
        assert [one.milestone_id for one in rewards_of(connection, [here.id])] == ["month"]


def test_who_had_friends_here_before_still_gets_what_those_reach(engine, reader, tmp_path):
    with writing(engine) as connection:
        for number in range(2):
            bring(connection, reader, make_subscriber(connection, address=f"friend{number}@example.org"))
    verify(engine, RULES)
    content = leave_with_the_list(engine, tmp_path)
    load(engine, content, milestones=RULES.milestones)
    here = noor(engine)
    with writing(engine) as connection:
        bring(connection, here, make_subscriber(connection))
    lower = make_rules(make_milestone("hat", 2), make_milestone("month", 3, months=2))
    verify(engine, lower)
    assert sorted(months(engine)) == [1, 2]


def test_a_tick_between_any_two_pieces_of_an_import_earns_nothing(engine, reader, tmp_path, monkeypatch):
    with writing(engine) as connection:
        for number in range(3):  # before the referrer in the order of addresses, and behind
            bring(connection, reader, make_subscriber(connection, address=f"{'az'[number % 2]}{number}@example.org"))
    verify(engine, RULES)
    content = leave_with_the_list(engine, tmp_path)
    monkeypatch.setattr(import_links, "CHUNK", 1)
    really = import_links.write

    def write_and_tick(engine, act):
        done = really(engine, act)
        verify(engine, RULES)
        return done

    monkeypatch.setattr(import_links, "write", write_and_tick)
    load(engine, content, milestones=RULES.milestones)
    assert (counted(engine, noor(engine)), months(engine)) == (3, [])
