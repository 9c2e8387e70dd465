"""Referrals: who brought whom. A referred friend counts once, when confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Referral:
    """One row of `referrals`; `confirmed_at` is None until the referred friend confirmed."""

    id: int
    referrer_id: int
    referred_id: int
    recorded_at: datetime
    confirmed_at: datetime | None = None
