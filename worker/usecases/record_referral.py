"""Record a referral: somebody signed up by a reader's link. Counts once per person, and never for oneself.

Called once for each new subscriber; the friend is a subscriber whatever the answer. What cannot count is recorded too, with
the reason. Confirming the friend later calls `confirm_referral` in the same transaction. Nobody is ever mailed on a
referrer's say-so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from worker.domain.milestone import ReferralRules
from worker.domain.referral import ReferralReason, ReferralState, SignupFacts, at_signup
from worker.domain.subscriber import Subscriber, SubscriberStatus
from worker.store.engine import Connection, Engine, writing
from worker.store.known_keys import same_person
from worker.store.referrals import add_referral, confirm_referral, count_from_network
from worker.store.referrers import referrer_by_code, was_seen_in
from worker.store.subscribers import by_id
from worker.usecases.disposable_domains import is_disposable

NO_RULES = ReferralRules()
HOUR = timedelta(hours=1)


class ReferralAnswer(StrEnum):
    """What became of it. Only the first two can be credit to the referrer."""

    CONFIRMED = "confirmed"
    PENDING = "pending"  # counts as soon as the friend confirms, unless a person is to look first
    UNKNOWN_CODE = "unknown_code"
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    SELF = "self"  # their own link, perhaps with another spelling of their address
    ALIAS = "alias"  # the friend is here already under another spelling of their address, or wrote a +tag
    KNOWN = "known"  # the friend was here before
    DISPOSABLE = "disposable"
    ALREADY_REFERRED = "already_referred"  # the first code keeps the credit


def record_referral(
    engine: Engine, referral_code: str, referred_id: int, now: datetime, rules: ReferralRules = NO_RULES
) -> ReferralAnswer:
    """Credit the reader with this code for a new subscriber; repeating it answers `already_referred`."""
    with writing(engine) as connection:
        return credit_referrer(connection, [referral_code], referred_id, now, rules)


def credit_referrer(
    connection: Connection,
    codes: Sequence[str],
    referred_id: int,
    now: datetime,
    rules: ReferralRules = NO_RULES,
    network: str = "",
) -> ReferralAnswer:
    """The same within a transaction of the caller's, for the first of these codes that is a reader's.

    `network` is the keyed hash of the network the friend signed up from and the day; empty where it is not known.
    """
    referrer = _whose(connection, codes, referred_id)
    if referrer is None:
        return ReferralAnswer.UNKNOWN_CODE
    referred = by_id(connection, referred_id)
    if referred is None or referred.status is SubscriberStatus.ERASED:
        return ReferralAnswer.UNKNOWN_SUBSCRIBER
    if referrer.id == referred.id:  # no row could say so: the table refuses it
        return ReferralAnswer.SELF
    facts = _facts(connection, referrer, referred, rules, network, now)
    state, reason = at_signup(facts, rules.per_network)
    if not add_referral(connection, referrer.id, referred.id, now, state=state, reason=reason, network=network):
        return ReferralAnswer.ALREADY_REFERRED
    if state is ReferralState.REJECTED:
        return ReferralAnswer(ReferralReason(reason).value)
    confirmed = confirm_referral(connection, referred.id, now)
    return ReferralAnswer.CONFIRMED if confirmed else ReferralAnswer.PENDING


def _whose(connection: Connection, codes: Sequence[str], referred_id: int) -> Subscriber | None:
    """Whose is the first of these codes that is a reader's; their own only where there is no other's."""
    readers = [reader for code in codes if (reader := referrer_by_code(connection, code)) is not None]
    return next((one for one in readers if one.id != referred_id), readers[0] if readers else None)


def _facts(
    connection: Connection,
    referrer: Subscriber,
    referred: Subscriber,
    rules: ReferralRules,
    network: str,
    now: datetime,
) -> SignupFacts:
    person = same_person(connection, referred.id)
    others = person - {referred.id}
    living = [one for one in sorted(others) if (here := by_id(connection, one)) and here.address_key]
    recent = count_from_network(connection, network, now - HOUR) if network else 0
    return SignupFacts(
        is_referrer=not person.isdisjoint(same_person(connection, referrer.id)),
        here_twice=bool(living),
        was_here=bool(others),
        tagged="+" in referred.address_key.rpartition("@")[0][1:],
        disposable=is_disposable(referred.address_key, rules.disposable),
        same_network=was_seen_in(connection, referrer.id, network),
        from_network=recent + 1,
    )
