"""The publication: what `content/publication.toml` says about the whole newsletter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time

from worker.domain.late import Lateness
from worker.domain.milestone import ReferralRules
from worker.domain.quiet import QuietRules
from worker.domain.segment import BUILT_IN, Rule
from worker.domain.utm import Utm
from worker.domain.warm_up import WarmUp


@dataclass(frozen=True, slots=True)
class Slot:
    """The weekly hour: weekday (0 is Monday), wall time and IANA zone."""

    weekday: int
    at: time
    zone: str


@dataclass(frozen=True, slots=True)
class Goal:
    """A number of subscribers the author wants to reach."""

    subscribers: int
    label: str


@dataclass(frozen=True, slots=True)
class Publication:
    """Name, sender, postal address, links and rules. Every link is an https URL, as written."""

    name: str
    author: str
    sender: str  # the From address
    reply_to: str
    postal_address: str
    list_id: str  # the RFC 2919 List-Id: a dotted name, such as letters.example.com
    language: str  # BCP 47, for <html lang>
    home: str
    slot: Slot
    description: str = ""
    logo: str = ""
    links: Mapping[str, str] = field(default_factory=dict)  # name -> URL: coaching, subscribe, upgrade, share, ...
    benefits: tuple[str, ...] = ()  # what a paid reader gets, for the pitch
    segments: Mapping[str, Rule] = field(default_factory=dict)
    goal: Goal | None = None
    warm_up: WarmUp | None = None
    late: Lateness = field(default_factory=Lateness)
    quiet: QuietRules = field(default_factory=QuietRules)
    referral: ReferralRules = field(default_factory=ReferralRules)
    utm: Utm | None = None  # None: links stay as they are

    @property
    def audiences(self) -> Mapping[str, Rule]:
        """Everybody an audience's name may mean: everyone, paid, free, and the segments."""
        return {**BUILT_IN, **self.segments}
