"""What the author wrote that the clock needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from worker.domain.issue import Step
from worker.domain.launch import Launch
from worker.domain.publication import Publication
from worker.domain.run import Run
from worker.domain.sequence import Anchors, anchors_of


@dataclass(frozen=True)
class Content:
    """Launches by id, and the steps of every sequence by name. `broken`: sequences that cannot be read, and why.

    A broken one waits, and stops nothing else; so does a launch. `unreadable`: why, for each file of a launch.
    """

    publication: Publication
    launches: Mapping[str, Launch]
    steps: Mapping[str, Sequence[Step]]
    broken: Mapping[str, str] = field(default_factory=dict)
    unreadable: Sequence[str] = ()

    def anchors_now(self, run: Run) -> Anchors | None:
        """What a run would count from by today's files; None where its launch is gone or cannot be read."""
        if run.launch_id is None:
            return Anchors(self.publication.slot.zone)
        launch = self.launches.get(run.launch_id)
        return None if launch is None else anchors_of(launch)
