"""What came of a launch: who was told, who followed a link, who applied. docs/launches.md defines each count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from worker.domain.subscriber import Plan

STEP, CARD = "step", "card"  # a mail of the launch's own sequence; its card in a letter


@dataclass(frozen=True, slots=True)
class Told:
    """One step of the launch, or one letter with its card, to the readers of one plan as it was then.

    `owed` = announced + skipped + refused + uncertain + cancelled + waiting. `excluded` were left out before, at planning.
    `applied`: whose last mail of the launch before they converted this was.
    """

    kind: str
    name: str  # the step's id, or the issue's
    plan: Plan
    owed: int = 0
    announced: int = 0
    skipped: int = 0
    refused: int = 0
    uncertain: int = 0
    cancelled: int = 0
    waiting: int = 0
    clicked: int = 0
    applied: int = 0


@dataclass(frozen=True, slots=True)
class People:
    """Readers, each counted once: told at least once, followed a link at least once, converted."""

    announced: int = 0
    clicked: int = 0
    applied: int = 0


@dataclass(frozen=True, slots=True)
class LaunchReport:
    """`by_plan` is each reader's plan now and adds up to `people`; `by_segment` need not, for segments overlap.

    `how` (applied, bought, csv, tag) adds up to `people.applied`, and so do the rows' `applied` with `unprompted` (they
    converted before any mail of it reached them) and `how["tag"]` (of a tag nobody knows since when). `excluded` counts
    who was left out at planning, by step and reason; `days` whose conversion was recorded on which day.
    """

    people: People
    by_plan: Mapping[Plan, People]
    by_segment: Mapping[str, People]
    how: Mapping[str, int]
    rows: Sequence[Told]
    unprompted: int
    muted: int
    excluded: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    days: Sequence[tuple[date, int]] = ()
    counts_clicks: bool = True  # False: nobody asked for clicks, and none came

    @property
    def adds_up(self) -> bool:
        """Whether every sum above holds."""
        prompted = sum(row.applied for row in self.rows)
        parts = list(self.by_plan.values())
        whole = People(
            sum(one.announced for one in parts), sum(one.clicked for one in parts), sum(one.applied for one in parts)
        )
        return (
            whole == self.people
            and sum(self.how.values()) == self.people.applied
            and prompted + self.unprompted + self.how.get("tag", 0) == self.people.applied
            and sum(number for _, number in self.days) == self.people.applied - self.how.get("tag", 0)
            and all(
                one.owed == one.announced + one.skipped + one.refused + one.uncertain + one.cancelled + one.waiting
                for one in self.rows
            )
        )
