"""What is known while one edition is rendered: the text, the publication, the plan, and facts that change by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from worker.domain.calendar import wall_time
from worker.domain.issue import Issue
from worker.domain.launch import Launch
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan


@dataclass(frozen=True, slots=True)
class Facts:
    """What the author did not write: `subscribers` confirmed now, launches by id, the instant, the public address, and
    how large the project's pictures are."""

    subscribers: int
    now: datetime  # aware
    base_url: str
    launches: Mapping[str, Launch] = field(default_factory=dict)
    media: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # pixels by path within content/media/


@dataclass(frozen=True, slots=True)
class Scene:
    """One edition's circumstances."""

    text: Issue
    publication: Publication
    facts: Facts
    plan: Plan

    @property
    def language(self) -> str:
        """The BCP 47 tag of what is written: the issue's own, or the publication's."""
        return self.text.language or self.publication.language

    @property
    def date(self) -> date:
        """The day shown on top: the issue's own, or today in the publication's zone."""
        return self.text.published_on or wall_time(self.facts.now, self.publication.slot.zone).date()
