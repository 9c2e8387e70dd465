"""Milestones: how many friends bring which reward. What the publication says of referrals, and what follows for one reader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Approval(StrEnum):
    """Whether a reward is given at once or after `broadsheet referrals approve`."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class RewardState(StrEnum):
    """Where a reached milestone stands. It is never taken back for what friends do later."""

    GRANTED = "granted"
    WAITING = "waiting"  # for approval
    VOID = "void"  # its person has this reward once, by another record of theirs


@dataclass(frozen=True, slots=True)
class Reward:
    """Exactly one of these: months of the paid letter, a file of content/rewards/, an https address, or words."""

    months: int = 0
    file: str = ""
    link: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """Reached by whoever brought `friends` or more."""

    id: str
    friends: int
    name: str
    reward: Reward
    approval: Approval = Approval.AUTOMATIC


@dataclass(frozen=True, slots=True)
class ReferralRules:
    """`[referral]` of publication.toml. `days`: how long a friend must stay; `per_network`: sign-ups an hour without a look.

    `disposable`: domains that do not count, beside the list that comes with Broadsheet. Milestones by rising `friends`.
    """

    days: int = 0
    per_network: int = 3
    disposable: frozenset[str] = frozenset()
    milestones: Sequence[Milestone] = ()

    @property
    def fingerprint(self) -> str:
        """Changes whenever somebody may have reached something by a change of the milestones alone."""
        written = json.dumps([asdict(one) for one in self.milestones])
        return hashlib.sha256(written.encode()).hexdigest()[:16]


def reached(milestones: Sequence[Milestone], friends: int, earned: Collection[str]) -> list[Milestone]:
    """What so many friends bring that is not there yet, the smallest first."""
    return [one for one in milestones if friends >= one.friends and one.id not in earned]


def next_milestone(milestones: Sequence[Milestone], friends: int, earned: Collection[str]) -> Milestone | None:
    """The nearest one ahead; None where nothing is left to reach."""
    return next((one for one in milestones if friends < one.friends and one.id not in earned), None)


def write_reward(reward: Reward) -> str:
    """A reward as it is kept beside the fact that it was earned, so that a change of the file takes nothing back."""
    return json.dumps({name: value for name, value in asdict(reward).items() if value}, ensure_ascii=False)


def read_reward(written: str) -> Reward:
    """The reward that `write_reward` wrote."""
    values: Mapping[str, Any] = json.loads(written)
    return Reward(**{name: values[name] for name in ("months", "file", "link", "text") if name in values})
