"""Look at sequences: their steps by the files, their runs by the database. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.domain.issue import Step
from worker.domain.run import Edits, Run, find_edits
from worker.errors import UsageError
from worker.store.engine import Connection, Engine, reading_steadily
from worker.store.followups.counts import RunCounts, count_run, count_waiting
from worker.store.followups.runs import runs_of
from worker.usecases.content import Content


@dataclass(frozen=True, slots=True)
class RunLook:
    """One run of a sequence, and what was edited since it was told its hours."""

    run: Run
    counts: RunCounts
    edits: Edits


@dataclass(frozen=True, slots=True)
class SequenceLook:
    """One sequence. `broken`: why it cannot be read. `waiting`: events it answers that no tick has looked at yet."""

    name: str
    steps: Sequence[Step]
    runs: Sequence[RunLook]
    broken: str
    waiting: int

    @property
    def counts_from(self) -> str:
        """What its steps count from, in a word or two."""
        if not self.steps:
            return ""
        timing = self.steps[0].timing
        return timing.source[0] + (f" {timing.which}" if timing.which else "")


def look_at_sequences(engine: Engine, content: Content) -> list[SequenceLook]:
    """Every sequence there is a folder for, by name."""
    return [look_at_sequence(engine, content, name) for name in sorted({*content.steps, *content.broken})]


def look_at_sequence(engine: Engine, content: Content, name: str) -> SequenceLook:
    """One sequence. UsageError where there is neither a folder nor a run of it."""
    with reading_steadily(engine) as connection:
        runs = [_look(connection, content, run) for run in runs_of(connection, name)]
        steps = content.steps.get(name, ())
        waiting = count_waiting(connection, steps[0].timing.anchor.value) if steps else 0
    if not steps and not runs and name not in content.broken:
        known = ", ".join(sorted({*content.steps, *content.broken})) or "none yet"
        raise UsageError(f"no sequence is called {name!r}", fix=f"the sequences are: {known}")
    return SequenceLook(name, steps, runs, content.broken.get(name, ""), waiting)


def _look(connection: Connection, content: Content, run: Run) -> RunLook:
    anchors = content.anchors_now(run)
    steps = content.steps.get(run.sequence)
    edits = Edits() if anchors is None or steps is None else find_edits(run, steps, anchors)
    return RunLook(run, count_run(connection, run.id), edits)
