"""Suppressions: addresses we must not mail, each with its reason."""

from __future__ import annotations

from enum import StrEnum


class SuppressionReason(StrEnum):
    """Why an address is suppressed. A temporary block at the reader's provider never is a reason."""

    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    INVALID = "invalid"
    MANUAL = "manual"
