"""What can happen to a reader that a sequence may answer."""

from __future__ import annotations

from enum import StrEnum


class Trigger(StrEnum):
    """An event of one reader's. Which of several it was (a friend, a milestone) is its occurrence, an id in text."""

    CONFIRMED = "confirmed"  # they pressed the button of their confirmation
    PAID = "paid"  # their plan became paid, by payment or as a gift; not by an import
    VERIFIED = "verified"  # a friend they brought counts from now on; the occurrence is the referral's id
    ALMOST = "almost"  # one friend more, and they reach a milestone; the occurrence is the milestone's id
    MILESTONE = "milestone"  # they reached one; the occurrence is its id
