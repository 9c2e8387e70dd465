"""Review a referral: a person has looked at one that waits, and says whether it counts."""

from __future__ import annotations

from datetime import datetime

from worker.domain.milestone import ReferralRules
from worker.domain.referral import Referral, ReferralReason, ReferralState
from worker.errors import BroadsheetError
from worker.store.engine import Connection, Engine, write
from worker.store.referrals import decide_referral, referral_by_id
from worker.usecases.verify_referrals import count_friend, standing_when_due


def accept_referral(engine: Engine, referral_id: int, rules: ReferralRules, zone: str, now: datetime) -> Referral:
    """It counts from now on, unless the friend left before `days` were over; it as it is then.

    Raises BroadsheetError where it does not wait.
    """

    def act(connection: Connection) -> Referral:
        found = _waiting(connection, referral_id)
        state, reason = standing_when_due(connection, found, "", rules)
        if state is ReferralState.VERIFIED:
            moved = count_friend(connection, found, rules, zone, now)
        else:
            moved = decide_referral(connection, found, state, reason, now)
        return _after(connection, referral_id, moved)

    return write(engine, act)


def reject_referral(engine: Engine, referral_id: int, now: datetime) -> Referral:
    """It does not count; it as it is then. Raises BroadsheetError where it does not wait."""

    def act(connection: Connection) -> Referral:
        found = _waiting(connection, referral_id)
        moved = decide_referral(connection, found, ReferralState.REJECTED, ReferralReason.OPERATOR, now)
        return _after(connection, referral_id, moved)

    return write(engine, act)


def _waiting(connection: Connection, referral_id: int) -> Referral:
    found = referral_by_id(connection, referral_id)
    if found is None:
        raise BroadsheetError(
            f"there is no referral {referral_id}", fix="`broadsheet referrals review` lists what waits"
        )
    if found.state is not ReferralState.REVIEW:
        reason = f" ({found.reason})" if found.reason else ""
        raise BroadsheetError(
            f"referral {referral_id} does not wait for review: it is {found.state}{reason}",
            fix="`broadsheet referrals review` lists what waits",
        )
    return found


def _after(connection: Connection, referral_id: int, moved: bool) -> Referral:
    found = referral_by_id(connection, referral_id)
    if not moved or found is None:
        raise BroadsheetError(f"referral {referral_id} was decided by somebody else meanwhile", fix="look again")
    return found
