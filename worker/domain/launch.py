"""Launches: a product or group that opens and closes, and the sequence that tells readers of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Launch:
    """One file of `content/launches/`. `opens` and `closes` are naive wall times in `zone`.

    `sequence` names the folder of its steps in `content/sequences/`; `audience` is everyone, paid, free or a segment.
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
