"""Crash scenario of a referred friend who confirms, counts, and earns the referrer a reward: all of it once, none of it half."""

from datetime import timedelta

from sqlalchemy import func, select

from tests.support.crash_bench import recover
from tests.support.crash_scenarios import Scenario
from tests.support.ledger import EDITIONS
from tests.support.makers import NOW, make_subscriber
from tests.support.referring import ZONE, make_milestone, make_rules
from tests.support.sending import SECRET
from worker.render.links import LinkIds
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.grants import read_grants
from worker.store.milestones import rewards_of
from worker.store.referrals import add_referral, count_verified
from worker.store.tables import triggers
from worker.usecases.confirm import confirm
from worker.usecases.verify_referrals import verify_referrals

RULES = make_rules(make_milestone("hat", 1, text="A hat"), make_milestone("month", 2))
LATER = NOW + timedelta(hours=1)


def _friends(bench):
    """A reader, and two friends who came by their code and have not confirmed."""
    hash_addresses(bench.engine, SECRET)
    with writing(bench.engine) as connection:
        referrer = make_subscriber(connection, address="reads@example.com")
        friends = [make_subscriber(connection, address=f"friend{n}@example.com", status="pending") for n in range(2)]
        for friend in friends:
            add_referral(connection, referrer.id, friend.id, NOW)
    return {"referrer": referrer.id, "friends": [one.id for one in friends], "left": []}


def _confirm_and_award(bench, ids):
    hash_addresses(bench.engine, SECRET)
    for friend in ids["friends"]:
        confirm(bench.engine, LinkIds(friend), LATER)
    verify_referrals(bench.engine, RULES, ZONE, LATER)


def _again(bench, ids):
    hash_addresses(bench.engine, SECRET)
    with reading(bench.engine) as connection:
        noted = select(func.count()).where(triggers.c.event == "verified")
        verified = count_verified(connection, ids["referrer"])
        assert connection.execute(noted).scalar_one() == verified, "a friend counts and nobody is told, or the reverse"
        reached = {one.milestone_id for one in rewards_of(connection, [ids["referrer"]])}
        assert reached == {one.id for one in RULES.milestones if verified >= one.friends}, "counted, and not rewarded"
        assert len(read_grants(connection, ids["referrer"])) == ("month" in reached), "rewarded, and not given"
    _confirm_and_award(bench, ids)
    recover(bench, EDITIONS, LATER)
    _confirm_and_award(bench, ids)
    with reading(bench.engine) as connection:
        assert count_verified(connection, ids["referrer"]) == 2
        assert [one.months for one in read_grants(connection, ids["referrer"])] == [1]


REFERRED = {"a referred friend confirms, counts and earns a reward": Scenario(_friends, _confirm_and_award, _again)}
