"""Follow renames: a run whose folder has got another name goes on under it, so that no step that was mailed is mailed again.

A launch's run is the launch's, whatever its folder is called; what follows an issue or an event is known by its steps' ids.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from worker.domain.run import Run, renamed_key
from worker.logs import say
from worker.store.engine import Engine, reading, writing
from worker.store.followups.runs import all_runs, has_enrolled, rename_run
from worker.usecases.content import Content

log = logging.getLogger("broadsheet.followups")


def follow_renames(engine: Engine, content: Content) -> int:
    """Carry over what can be without losing a step; returns how many runs. Of others a person decides (watch_edits.py)."""
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        runs = all_runs(connection)
        moved = [
            (run, name)
            for run in runs
            for name in (_name_of_launch(run, content) if run.launch_id else _name_by_steps(run, runs, content),)
            if name and (_nothing_lost(run, name, content) or not has_enrolled(connection, run.id))
        ]
    if not moved:
        return 0
    with writing(engine) as connection:
        done = [run for run, name in moved if rename_run(connection, run, name, renamed_key(run, name))]
    for run in done:
        say(log, logging.INFO, "run follows its folder", run=run.id, sequence=run.sequence)
    return len(done)


def _name_of_launch(run: Run, content: Content) -> str:
    """The folder a launch's file names, where that is another than the run's and has a step."""
    launch = content.launches.get(run.launch_id or "")
    return launch.sequence if launch and launch.sequence != run.sequence and content.steps.get(launch.sequence) else ""


def _name_by_steps(run: Run, runs: Sequence[Run], content: Content) -> str:
    """A folder without a run of its own that counts from the same thing and has a step of the run; its own is gone."""
    if not run.timings or run.sequence in content.steps or run.sequence in content.broken:
        return ""
    first = next(iter(run.timings.values()))
    taken = {other.sequence for other in runs}
    for name, steps in content.steps.items():
        same = bool(steps) and steps[0].timing.source == first.source
        if same and name not in taken and any(step.id in run.timings for step in steps):
            return name
    return ""


def _nothing_lost(run: Run, name: str, content: Content) -> bool:
    """Whether the run's own folder is gone, or each of its steps stands in the new one too."""
    gone = run.sequence not in content.steps and run.sequence not in content.broken
    return gone or set(run.timings) <= {step.id for step in content.steps[name]}
