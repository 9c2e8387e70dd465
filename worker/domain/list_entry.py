"""One entry of the list as it leaves: a person, or an address that must not be mailed and is nobody's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.domain.subscriber import Subscriber
from worker.domain.suppression import Suppression


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One of `subscriber` and `suppression` is there at least; an erased subscriber has no suppression here.

    `hashed_under` tells the secret that a hash of an erased address was made under from any other (AddressHash.check).
    `referred_by` and `merged_into` name another entry: by its address, or by its referral code where it is erased.
    `milestones` are ids, one that waits for approval with `:waiting` behind it, one that another record of theirs earned with
    `:void`; `known_keys` are hashes.
    """

    subscriber: Subscriber | None
    suppression: Suppression | None = None
    referred_by: str = ""
    referred_at: datetime | None = None
    referral_confirmed_at: datetime | None = None
    referral_state: str = ""
    referral_reason: str = ""
    milestones: tuple[str, ...] = ()
    known_keys: tuple[str, ...] = ()
    merged_into: str = ""
    hashed_under: str = ""
