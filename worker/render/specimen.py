"""Specimens: each block of the registry by itself, as each plan's readers get it. For the gallery and the golden files.

Facts here are made up and never change, so that a specimen changes only with its template, its sample or the theme.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from worker.domain.edition import Edition
from worker.domain.issue import Issue
from worker.domain.launch import Launch
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.render.edition import parse, render_both
from worker.render.gate import cut
from worker.render.layout import Templates
from worker.render.scene import Facts, Scene

_LAUNCH = Launch(
    id="sample",
    slug="sample",
    file="worker/render/specimen.py",
    name="Two small groups for walkers",
    subtitle="Eight chairs each, every second Wednesday, from January to June.",
    page="https://letter.example.com/groups",
    image="https://letter.example.com/media/eight-chairs.png",
    button="See how the groups work",
    opens=datetime(2026, 11, 16, 9),  # noqa: DTZ001 - launches keep wall times
    closes=datetime(2026, 12, 18, 18),  # noqa: DTZ001
    zone="America/Denver",
    audience="everyone",
    sequence="launch",
)

#: What specimens are rendered with.
FACTS = Facts(4213, datetime(2026, 11, 23, 14, tzinfo=UTC), "https://letters.example.com", {_LAUNCH.id: _LAUNCH})


@dataclass(frozen=True, slots=True)
class Specimen:
    """One block for the readers of `plans`, who all get the same."""

    block: str
    plans: tuple[Plan, ...]
    edition: Edition

    @property
    def name(self) -> str:
        """The block's name, with the plan where plans differ; the name of its golden files."""
        return self.block if len(self.plans) == len(Plan) else f"{self.block}-{self.plans[0]}"


def specimens(block: str, sample: Issue, publication: Publication, templates: Templates) -> Iterator[Specimen]:
    """One for all readers, or one for each plan where plans get something different; none where a plan gets nothing.

    Raises RenderError, naming the sample's line or the template's.
    """
    tree = parse(sample)
    scenes = {plan: Scene(sample, publication, FACTS, plan) for plan in Plan if cut(tree, plan).blocks}
    made = render_both(tree, scenes, templates, "specimen")
    if len(made) == len(Plan) and len({one.html for one in made.values()}) == 1:
        yield Specimen(block, tuple(Plan), made[Plan.FREE])
        return
    for plan, edition in made.items():
        yield Specimen(block, (plan,), edition)
