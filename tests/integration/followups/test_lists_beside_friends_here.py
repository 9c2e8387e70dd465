"""A list is imported where its readers bring friends already: nothing is earned twice by it, and nothing is lost."""

import csv
import io
from datetime import timedelta

import pytest

from tests.support.importing import load
from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import ZONE, bring, counted, make_milestone, make_rules, verify
from worker.domain.milestone import RewardState
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import read_grants
from worker.store.milestones import rewards_of, waiting_rewards
from worker.usecases import import_links
from worker.usecases.approve_reward import approve_reward
from worker.usecases.export_columns import COLUMNS

RULES = make_rules(make_milestone("month", 3))
BY_HAND = make_rules(make_milestone("month", 3, manual=True))


@pytest.fixture
def noor(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        return make_subscriber(connection, address="noor@example.com")


def a_list(*friends, milestones=""):
    """What another installation exports of Noor and of friends who count for her."""
    rows = [{"address": "noor@example.com", "status": "confirmed", "milestones": milestones}]
    moment = (NOW - timedelta(days=9)).isoformat()
    rows += [
        {
            "address": one,
            "status": "confirmed",
            "referred_by": "noor@example.com",
            "referred_at": moment,
            "referral_confirmed_at": moment,
            "referral_state": "verified",
        }
        for one in friends
    ]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def friends_here(engine, noor, count, rules):
    with writing(engine) as connection:
        for friend in make_subscribers(connection, count):
            bring(connection, noor, friend)
    verify(engine, rules)


def months(engine, noor):
    with reading(engine) as connection:
        return [one.months for one in read_grants(connection, noor.id)]


def take_the_list(engine, *friends):
    for _ in range(2):  # the second time nothing changes
        load(engine, a_list(*friends), milestones=RULES.milestones)
        verify(engine, RULES, NOW + timedelta(days=1))


def waiting_here(engine):
    with reading(engine) as connection:
        return waiting_rewards(connection)


def test_friends_here_reach_something_together_with_those_of_a_list(engine, noor):
    take_the_list(engine, "kim@example.org")
    friends_here(engine, noor, 2, RULES)
    assert (counted(engine, noor), months(engine, noor)) == (3, [1])


def test_what_a_list_reaches_only_together_with_friends_here_waits_for_the_authors_word(engine, noor):
    friends_here(engine, noor, 2, RULES)
    take_the_list(engine, "kim@example.org")
    assert (counted(engine, noor), months(engine, noor)) == (3, [])
    [waiting] = waiting_here(engine)
    assert (waiting.subscriber_id, waiting.name) == (noor.id, "the reward month")
    approve_reward(engine, waiting.id, RULES, ZONE, NOW)
    take_the_list(engine, "kim@example.org")
    assert (waiting_here(engine), months(engine, noor)) == ([], [1])


@pytest.mark.parametrize("rows", [1, 500])
def test_what_friends_of_a_list_reach_alone_was_given_there_whoever_else_there_is(engine, noor, rows, monkeypatch):
    monkeypatch.setattr(import_links, "CHUNK", rows)
    friends_here(engine, noor, 2, RULES)
    take_the_list(engine, "kim@example.org", "ana@example.org", "zoe@example.org")
    assert (counted(engine, noor), months(engine, noor), waiting_here(engine)) == (5, [], [])


def test_what_was_approved_elsewhere_meanwhile_is_not_approved_here_again(engine, noor):
    friends = [f"friend{number}@example.org" for number in range(3)]
    load(engine, a_list(*friends, milestones="month:waiting"), milestones=BY_HAND.milestones)
    with reading(engine) as connection:
        [waiting] = waiting_rewards(connection)
    load(engine, a_list(*friends, milestones="month"), milestones=BY_HAND.milestones)
    with reading(engine) as connection:
        assert waiting_rewards(connection) == []
        [reward] = rewards_of(connection, [noor.id])
    assert (reward.id, reward.state) == (waiting.id, RewardState.GRANTED)
    assert reward.granted_at is not None
