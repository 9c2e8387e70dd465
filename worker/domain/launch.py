"""Launches: a product or group that opens and closes, and the sequence that tells readers of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.domain.calendar import instant


@dataclass(frozen=True, slots=True)
class Launch:
    """One file of `content/launches/`. `opens` and `closes` are naive wall times in `zone`.

    `sequence` names the folder of its steps in `content/sequences/`; `audience` is everyone, paid, free or a segment.
    Whoever has the tag `converted_by` counts as converted; empty: no tag does.
    """

    id: str
    slug: str
    file: str
    name: str
    subtitle: str
    page: str  # where it is described, an https URL
    image: str
    button: str  # the label of its button
    opens: datetime
    closes: datetime
    zone: str
    audience: str
    sequence: str
    forward: str = ""  # where the button of the apply page leads, an https URL; empty: to `page`
    converted_by: str = ""

    @property
    def opens_at(self) -> datetime:
        """The UTC instant at which it opens."""
        return instant(self.opens, self.zone)

    @property
    def closes_at(self) -> datetime:
        """The UTC instant from which on it is closed."""
        return instant(self.closes, self.zone)

    @property
    def leads_to(self) -> str:
        """The one address that a reader who applied is sent on to."""
        return self.forward or self.page
