"""Verify referrals: a friend who confirmed, and stayed as long as the publication wants, counts from now on.

Called by each tick. What is due is found by an index; each referral is one transaction that decides it, notes it and awards
what it earns, so a process that dies leaves none of it or all of it. Where the milestones were changed, everybody who has
brought somebody is looked at again, so many at a time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from worker.domain.milestone import ReferralRules
from worker.domain.referral import Referral, ReferralState, when_due
from worker.domain.trigger import Trigger
from worker.store.engine import Connection, Engine, reading, write
from worker.store.grants import hold
from worker.store.milestones import (
    Programme,
    advance_programme,
    begin_programme,
    end_recheck,
    noted_rechecks,
    read_programme,
    referrers_after,
)
from worker.store.referrals import decide_referral, due_referrals, standing_of_friend
from worker.store.triggers import note_trigger
from worker.usecases.award_milestones import award_milestones

AT_ONCE = 200  # referrals decided, and referrers looked at again, in one tick


def verify_referrals(engine: Engine, rules: ReferralRules, zone: str, now: datetime, at_once: int = AT_ONCE) -> int:
    """Decide what is due at `now`, and look again at whom a change concerns; how many referrals were decided.

    `at_once` bounds both: a tick costs what is due, and never more than that.
    """
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        due = due_referrals(connection, now - timedelta(days=rules.days), at_once)
        again = noted_rechecks(connection, at_once)
        programme = read_programme(connection)
    decided = sum(write(engine, partial(_decide, found=found, rules=rules, zone=zone, now=now)) for found in due)
    for referrer_id in again:
        write(engine, partial(_recheck, referrer_id=referrer_id, rules=rules, zone=zone, now=now))
    if programme is None or programme != Programme(rules.fingerprint, None):
        _look_at_everybody(engine, programme, rules, zone, now, at_once)
    return decided


def count_friend(connection: Connection, found: Referral, rules: ReferralRules, zone: str, now: datetime) -> bool:
    """A friend counts from now on, by the look of things or by an operator's word; False where something was faster."""
    held = hold(connection, found.referrer_id)
    if not decide_referral(connection, found, ReferralState.VERIFIED, "", now):
        return False
    if held:  # an erased referrer's friends are history, and earn nothing
        note_trigger(connection, Trigger.VERIFIED, found.referrer_id, now, str(found.id))
        award_milestones(connection, found.referrer_id, rules, zone, now, a_friend_came=True)
    return True


def standing_when_due(
    connection: Connection, found: Referral, suspicion: str, rules: ReferralRules
) -> tuple[ReferralState, str]:
    """What a referral would be now, by how its friend stands; whoever left only after `days` were over has stayed."""
    friend = standing_of_friend(connection, found.referred_id)
    stayed = (
        friend.gone_since is not None
        and found.confirmed_at is not None
        and friend.gone_since > found.confirmed_at + timedelta(days=rules.days)
    )
    return when_due(friend.status, friend.suppressed, suspicion, stayed=stayed)


def _decide(connection: Connection, found: Referral, rules: ReferralRules, zone: str, now: datetime) -> bool:
    state, reason = standing_when_due(connection, found, found.reason, rules)
    if state is ReferralState.VERIFIED:
        return count_friend(connection, found, rules, zone, now)
    return decide_referral(connection, found, state, reason, now)


def _recheck(connection: Connection, referrer_id: int, rules: ReferralRules, zone: str, now: datetime) -> None:
    if hold(connection, referrer_id):
        award_milestones(connection, referrer_id, rules, zone, now)
    end_recheck(connection, referrer_id)


def _award(connection: Connection, referrer_id: int, rules: ReferralRules, zone: str, now: datetime) -> None:
    if hold(connection, referrer_id):
        award_milestones(connection, referrer_id, rules, zone, now)


def _look_at_everybody(
    engine: Engine, programme: Programme | None, rules: ReferralRules, zone: str, now: datetime, at_once: int
) -> None:
    """One chunk of those who have brought somebody, by the milestones there are now. Two clocks at once do it twice, to no effect."""
    fingerprint = rules.fingerprint
    if programme is None or programme.fingerprint != fingerprint:
        write(engine, lambda connection: begin_programme(connection, fingerprint))
        programme = Programme(fingerprint, 0)
    after = programme.looked_through or 0
    least = min((one.friends for one in rules.milestones), default=None)
    with reading(engine) as connection:
        chunk = referrers_after(connection, after, at_once) if least is not None else []
    for referrer_id, friends in chunk:
        if least is not None and friends >= least:
            write(engine, partial(_award, referrer_id=referrer_id, rules=rules, zone=zone, now=now))
    through = chunk[-1][0] if len(chunk) == at_once else None
    write(engine, lambda connection: advance_programme(connection, fingerprint, through))
