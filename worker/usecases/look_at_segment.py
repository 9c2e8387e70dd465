"""Look at a segment: how many it would reach now, why others are left out, and a few of its readers by address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from worker.domain.mailing import MailingKind
from worker.domain.publication import Publication
from worker.domain.segment import BUILT_IN, Rule
from worker.domain.segment_words import describe
from worker.store.engine import Engine, reading_steadily
from worker.store.ledger.plan import count_audience
from worker.store.segment_sample import sample_addresses
from worker.store.segments import audience_rule


@dataclass(frozen=True, slots=True)
class SegmentLook:
    """A segment as a broadcast planned for `at` would find it now. `parts`: plan -> {"audience": n, reason: n, ...}.

    `sample` holds addresses and is for the operator's eyes alone.
    """

    name: str
    words: str
    at: datetime
    parts: Mapping[str, Mapping[str, int]]
    sample: tuple[str, ...] = ()

    @property
    def audience(self) -> int:
        """How many would get it."""
        return sum(part.get("audience", 0) for part in self.parts.values())

    @property
    def left_out(self) -> dict[str, int]:
        """How many it picks who would not, by reason."""
        found: dict[str, int] = {}
        for part in self.parts.values():
            for reason, number in part.items():
                if reason != "audience":
                    found[reason] = found.get(reason, 0) + number
        return found


def look_at_segment(engine: Engine, publication: Publication, name: str, at: datetime, sample: int = 0) -> SegmentLook:
    """One segment, with up to `sample` of its readers picked at random. Raises UsageError for a name nobody gave."""
    rule: Rule = audience_rule(name, publication)
    with reading_steadily(engine) as connection:
        parts = count_audience(connection, MailingKind.BROADCAST, None, rule, at)
        chosen = sample_addresses(connection, rule, at, sample) if sample else []
    return SegmentLook(name, describe(rule), at, parts, tuple(chosen))


def look_at_segments(engine: Engine, publication: Publication, at: datetime) -> list[SegmentLook]:
    """Every audience there is: the three every publication has, then its own by name."""
    return [look_at_segment(engine, publication, name, at) for name in [*BUILT_IN, *sorted(publication.segments)]]
