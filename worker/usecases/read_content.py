"""Read what the clock needs of `content/`. What cannot be read of launches and sequences is told apart, and stops nothing else."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from worker import sources
from worker.domain.issue import Step
from worker.domain.launch import Launch
from worker.domain.timing import OF_LAUNCHES
from worker.errors import SourceError
from worker.logs import say
from worker.usecases.content import Content

log = logging.getLogger("broadsheet.followups")


def read_content(project: Path) -> Content:
    """The publication, every launch and every sequence. SourceError where the publication cannot be read."""
    publication = sources.read_publication(project)
    launches, unreadable = sources.read_readable_launches(project)
    for wrong in unreadable:
        say(log, logging.WARNING, "launch cannot be read", why=wrong.what)
    steps: dict[str, Sequence[Step]] = {}
    broken: dict[str, str] = {}
    for name in sorted({*sources.list_sequences(project), *(launch.sequence for launch in launches.values())}):
        try:
            steps[name] = sources.read_steps(project, name)
            _check_launches(steps[name], launches)
        except SourceError as wrong:
            steps.pop(name, None)
            broken[name] = wrong.what
            say(log, logging.WARNING, "sequence cannot be read", sequence=name, why=wrong.what)
    return Content(publication, launches, steps, broken, [wrong.what for wrong in unreadable])


def _check_launches(steps: Sequence[Step], launches: Mapping[str, Launch]) -> None:
    """A launch's sequence counts from its opening and its close, and such a sequence is a launch's."""
    named = [launch.file for launch in launches.values() if steps and launch.sequence == steps[0].sequence]
    if named and steps[0].timing.anchor not in OF_LAUNCHES:
        raise SourceError(
            f"counts from {steps[0].timing.anchor.value}, but {named[0]} is told of by this sequence",
            file=steps[0].text.file,
            line=steps[0].text.line_of("when"),
            fix="write when: at opens, or when: 1 day before closes, at 09:00",
        )
