"""Read what the clock needs of `content/`. What cannot be read of launches and sequences is told apart, and stops nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
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
    for name in sorted({*sources.list_sequences(project), *_named(launches.values())}):
        try:
            steps[name] = sources.read_steps(project, name)
            _check_launches(steps[name], launches)
        except SourceError as wrong:
            steps.pop(name, None)
            broken[name] = wrong.what
    broken |= {name: wrong.what for name, wrong in _copies(steps).items()}
    broken |= {name: wrong.what for name, wrong in _nowhere(steps, broken, launches.values()).items()}
    for name, why in broken.items():
        steps.pop(name, None)
        say(log, logging.WARNING, "sequence cannot be read", sequence=name, why=why)
    return Content(publication, launches, steps, broken, [wrong.what for wrong in unreadable])


def _named(launches: Iterable[Launch]) -> Iterable[str]:
    """The sequences that launches name. One that is told of in letters alone has none, and then no folder of its name."""
    return (launch.sequence for launch in launches if launch.sequence != launch.slug)


def _copies(steps: Mapping[str, Sequence[Step]]) -> dict[str, SourceError]:
    """Folders that count from one thing and have a step of one id, but for launches: whoever is in both had it twice."""
    first: dict[tuple[object, str], Step] = {}
    found: dict[str, SourceError] = {}
    for step in (one for name in sorted(steps) for one in steps[name] if one.timing.anchor not in OF_LAUNCHES):
        twin = first.setdefault((step.timing.source, step.id), step)
        if twin.sequence != step.sequence:
            found[twin.sequence], found[step.sequence] = _twin(twin, step), _twin(step, twin)
    return found


def _twin(step: Step, other: Step) -> SourceError:
    return SourceError(
        f"id {step.id!r} is also in {other.text.file}, which counts from the same",
        file=step.text.file,
        line=step.text.line_of("id"),
        fix="take the copy out, or give it ids of its own",
    )


def _nowhere(
    steps: Mapping[str, Sequence[Step]], broken: Mapping[str, str], launches: Iterable[Launch]
) -> dict[str, SourceError]:
    """Launches without a folder, where there is one that counts from a launch and that no launch names."""
    named = {launch.sequence for launch in launches}
    lost = [name for name, ones in steps.items() if ones and ones[0].timing.anchor in OF_LAUNCHES and name not in named]
    return {
        name: SourceError(
            f"there is no such folder, and no launch names {', '.join(lost)}",
            file=f"content/sequences/{name}",
            fix="let the launch name its folder: sequence = ...",
        )
        for name in named
        if lost and name not in steps and name not in broken
    }


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
