"""A list is imported where its readers bring friends already: nothing is earned twice by it, and nothing is lost."""

import csv
import io
from datetime import timedelta

import pytest

from tests.support.importing import load
from tests.support.makers import NOW, make_subscriber
from tests.support.referring import make_milestone, make_rules
from worker.domain.milestone import RewardState
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.milestones import rewards_of, waiting_rewards
from worker.usecases.export_columns import COLUMNS

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
