"""Foresee a sequence: who would get which step when, and why not, if nothing changed. Reads only.

The decisions are those of worker/domain/due_step.py, which the clock asks too, by the facts of this moment: scheduled issues,
follow-ups of the last days and those of other sequences to come, and rules as readers stand now. What has not happened yet
(a friend, a purchase, an issue that is not scheduled) nobody foresees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from worker.domain.foresight import Course, Foreseen, foresee
from worker.domain.quiet import Near
from worker.domain.run import Run, event_key
from worker.domain.sequence import Anchors, first_of_launch, timings_of
from worker.store.engine import Connection, Engine, reading_steadily
from worker.store.followups.enrollments import ids_after
from worker.store.followups.facts import NOBODY
from worker.store.followups.members import enrolled_after
from worker.usecases.content import Content
from worker.usecases.courses import NOT_BEGUN, Entry, entries_among, imagined_run, is_open, outsets, runs_ahead
from worker.usecases.decide_steps import facts_about
from worker.usecases.look_at_sequence import look_at_sequence

CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many readers of a run one thing happens to at one moment."""

    run: str
    seen: Foreseen
    readers: int


def simulate(
    engine: Engine, content: Content, name: str, until: datetime, now: datetime, only: int | None = None
) -> list[Outlook]:
    """What the sequence would do from `now` to `until`, to everybody or to one subscriber; the earliest first."""
    look_at_sequence(engine, content, name)  # so that an unknown one is refused
    counted: Counter[tuple[str, Foreseen]] = Counter()
    with reading_steadily(engine) as connection:
        runs = runs_ahead(connection, content, now)
        for run in runs:
            if run.sequence != name:
                continue
            for ids in [[only]] if only is not None else _parts(connection, content, run, now):
                entries = list(entries_among(connection, content, runs, ids, now))
                mine = {one.subscriber_id for one in entries if one.run.key == run.key}
                entries = [one for one in entries if one.subscriber_id in mine]
                for outset in outsets(connection, content, entries, now).values():
                    quiet = content.publication.quiet
                    for number, seen in foresee(outset.courses, outset.zone, outset.followups, quiet, now, until):
                        if outset.runs[number].key == run.key:
                            counted[run.key, seen] += 1
    found = [Outlook(key, seen, number) for (key, seen), number in counted.items()]
    return sorted(found, key=lambda one: (one.seen.at, one.run, one.seen.step_id, one.seen.why))


def timetable(
    engine: Engine, content: Content, name: str, now: datetime, until: datetime, only: int | None = None
) -> list[Outlook]:
    """The same for one reader whom it met now (a launch: at its beginning): a real one, or one with no traits at all."""
    look_at_sequence(engine, content, name)  # so that an unknown one is refused
    run = _imagined(content, name, now)
    if run is None:
        return []
    met = now if run.launch_id is None else first_of_launch(run.timings, run.anchors)
    began, quiet = min(met, now), content.publication.quiet
    if only is None:
        near = Near(run.anchors.zone)
        facts = {step.id: facts_about(content, run, step, NOBODY, near, "", None) for step in content.steps[name]}
        seen = foresee([Course(run.timings, run.anchors, met, facts)], "", (), quiet, began, until)
        return [Outlook(run.key, step, 1) for _number, step in seen]
    with reading_steadily(engine) as connection:
        others = [one for one in runs_ahead(connection, content, now) if one.sequence != name]
        beside = entries_among(connection, content, others, [only], now)
        [outset] = outsets(connection, content, [*beside, Entry(run, only, met)], now).values()
    ahead = foresee(outset.courses, outset.zone, outset.followups, quiet, began, until)
    return [Outlook(run.key, step, 1) for number, step in ahead if outset.runs[number] is run]


def _imagined(content: Content, name: str, now: datetime) -> Run | None:
    """The sequence's next run: of the first of its launches that has not closed, or of an event that happens now."""
    steps = content.steps.get(name, ())
    if not steps:
        return None
    if steps[0].timing.source[0] != "launch":
        zone = content.publication.slot.zone
        return Run(NOT_BEGUN, event_key(name), name, None, Anchors(zone), timings_of(steps), now)
    launches = (one for one in content.launches.values() if one.sequence == name)
    return next((run for one in launches if (run := imagined_run(content, one, now))), None)


def _parts(connection: Connection, content: Content, run: Run, now: datetime) -> Iterator[list[int]]:
    """Ids of those in a run or, where more may come, of the whole list, a part at a time."""
    after, grows = 0, run.id == NOT_BEGUN or is_open(content.launches.get(run.launch_id or ""), now)
    while True:
        ids = ids_after(connection, after, CHUNK) if grows else enrolled_after(connection, run.id, after, CHUNK)
        if not ids:
            return
        yield ids
        after = ids[-1]
