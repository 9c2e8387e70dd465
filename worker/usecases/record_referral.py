"""Record a referral: somebody signed up by a reader's link. Counts once per friend, and never for oneself.

Called once for each new subscriber; the friend is a subscriber whatever the answer. Confirming the friend later
calls `confirm_referral` in the same transaction. Nobody is ever mailed on a referrer's say-so.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from worker.domain.address import referral_key
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import Connection, Engine, writing
from worker.store.referrals import add_referral, confirm_referral, is_same_person
from worker.store.subscribers import by_id, by_referral_code


class ReferralAnswer(StrEnum):
    """What became of it. Only the first two are credit to the referrer."""

    CONFIRMED = "confirmed"
    PENDING = "pending"  # counts as soon as the friend confirms
    UNKNOWN_CODE = "unknown_code"
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    SELF = "self"  # their own link, perhaps with another spelling of their address
    ALIAS = "alias"  # the friend is here already under another spelling of their address
    ALREADY_REFERRED = "already_referred"  # the first code keeps the credit


def record_referral(engine: Engine, referral_code: str, referred_id: int, now: datetime) -> ReferralAnswer:
    """Credit the reader with this code for a new subscriber; repeating it answers `already_referred`."""
    with writing(engine) as connection:
        return credit_referrer(connection, referral_code, referred_id, now)


def credit_referrer(connection: Connection, referral_code: str, referred_id: int, now: datetime) -> ReferralAnswer:
    """The same within a transaction of the caller's."""
    referrer = by_referral_code(connection, referral_code)
    if referrer is None or referrer.status is SubscriberStatus.ERASED:
        return ReferralAnswer.UNKNOWN_CODE
    referred = by_id(connection, referred_id)
    if referred is None or referred.status is SubscriberStatus.ERASED:
        return ReferralAnswer.UNKNOWN_SUBSCRIBER
    if referrer.id == referred.id or referral_key(referrer.address) == referral_key(referred.address):
        return ReferralAnswer.SELF
    if is_same_person(connection, referred.id):
        return ReferralAnswer.ALIAS
    if not add_referral(connection, referrer.id, referred.id, now):
        return ReferralAnswer.ALREADY_REFERRED
    confirmed = confirm_referral(connection, referred.id, now)
    return ReferralAnswer.CONFIRMED if confirmed else ReferralAnswer.PENDING
