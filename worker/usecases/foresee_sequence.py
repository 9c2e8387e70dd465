"""Foresee a sequence: who would get which step when, and why not, if nothing changed. Reads only.

The decisions are those of worker/domain/due_step.py, which the clock asks too, by the facts of this moment: scheduled issues,
follow-ups of the last days, and rules as readers stand now. What has not happened yet (a friend, a purchase, an issue that is
not scheduled) nobody foresees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from worker.domain.calendar import instant
from worker.domain.due_step import Enrolled, Facts, Foreseen, foresee
from worker.domain.issue import Step
from worker.domain.quiet import Near
from worker.domain.run import Run, event_key, launch_key
from worker.domain.sequence import Anchors, anchors_of, first_of_launch, timings_of
from worker.domain.step_rules import NO_RULES
from worker.store.engine import Connection, Engine, reading_steadily
from worker.store.followups.enrollments import next_ids, readers_between
from worker.store.followups.facts import standings
from worker.store.followups.near import followups_near, issues_near
from worker.store.followups.rederiving import Place, enrollments_after, places_of
from worker.store.followups.runs import find_run, open_runs
from worker.store.segments import audience_rule
from worker.usecases.content import Content
from worker.usecases.decide_steps import facts_about
from worker.usecases.look_at_sequence import look_at_sequence
from worker.usecases.watch_edits import look_at_run

CHUNK = 1_000
_NOT_BEGUN = 0  # the id of a run that is only imagined


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many readers of a run one thing happens to at one moment."""

    run: str
    seen: Foreseen
    readers: int


@dataclass(frozen=True, slots=True)
class _Reader:
    subscriber_id: int
    enrolled: Enrolled


def simulate(
    engine: Engine, content: Content, name: str, until: datetime, now: datetime, only: int | None = None
) -> list[Outlook]:
    """What the sequence would do from `now` to `until`, to everybody or to one subscriber; the earliest first."""
    look_at_sequence(engine, content, name)  # so that an unknown one is refused
    counted: Counter[tuple[str, Foreseen]] = Counter()
    with reading_steadily(engine) as connection:
        for run in _runs(connection, content, name, now):
            for part in _parts(connection, content, run, now):
                chosen = [one for one in part if only is None or one.subscriber_id == only]
                for seen in _foresee_part(connection, content, run, chosen, now, until):
                    counted[run.key, seen] += 1
    found = [Outlook(key, seen, number) for (key, seen), number in counted.items()]
    return sorted(found, key=lambda one: (one.seen.at, one.run, one.seen.step_id, one.seen.why))


def timetable(
    engine: Engine, content: Content, name: str, now: datetime, until: datetime, only: int | None = None
) -> list[Outlook]:
    """The same for one reader whom it met now (a launch: at its beginning): a real one, or one with no traits at all."""
    run = next(iter(_imagined(content, name, now)), None)
    if run is None:
        return []
    began = now if run.launch_id is None else first_of_launch(run.timings, run.anchors)
    one = Enrolled(began)
    with reading_steadily(engine) as connection:
        if only is not None:
            seen = list(_foresee_part(connection, content, run, [_Reader(only, one)], min(began, now), until))
        else:
            facts = {step.id: Facts(Near(run.anchors.zone)) for step in content.steps[name]}
            quiet = content.publication.quiet
            seen = list(foresee(one, run.timings, run.anchors, "", facts, quiet, min(began, now), until))
    return [Outlook(run.key, step, 1) for step in seen]


def _runs(connection: Connection, content: Content, name: str, now: datetime) -> Iterator[Run]:
    """Its runs that are open, and those of launches that will begin."""
    begun = [run for run in open_runs(connection) if run.sequence == name]
    yield from begun
    known = {run.key for run in begun}
    for run in _imagined(content, name, now):
        if run.launch_id is not None and run.key not in known and find_run(connection, run.key) is None:
            yield run


def _imagined(content: Content, name: str, now: datetime) -> Iterator[Run]:
    steps = content.steps.get(name, ())
    if not steps:
        return
    timings = timings_of(steps)
    if steps[0].timing.source[0] != "launch":
        zone = content.publication.slot.zone
        yield Run(_NOT_BEGUN, event_key(name), name, None, Anchors(zone), timings, now)
        return
    for launch in content.launches.values():
        if launch.sequence == name and now < instant(launch.closes, launch.zone):
            yield Run(_NOT_BEGUN, launch_key(launch.id, name), name, launch.id, anchors_of(launch), timings, now)


def _parts(connection: Connection, content: Content, run: Run, now: datetime) -> Iterator[list[_Reader]]:
    """Who is in a run, and who of its audience will be, a part at a time."""
    after = 0
    while run.id and (some := enrollments_after(connection, run.id, after, CHUNK)):
        places = places_of(connection, [one.id for one in some])
        yield [
            _Reader(one.subscriber_id, _enrolled(one.triggered_at, places.get(one.id, Place())))
            for one in some
            if one.status == "active"
        ]
        after = some[-1].subscriber_id
    launch = content.launches.get(run.launch_id or "")
    if launch is None or now >= instant(launch.closes, launch.zone):
        return
    rule, began, after = (
        audience_rule(launch.audience, content.publication),
        first_of_launch(run.timings, run.anchors),
        0,
    )
    while (through := next_ids(connection, after, CHUNK)) is not None:
        yield [
            _Reader(one.subscriber_id, Enrolled(max(began, one.since) if one.since and began < now else began))
            for one in readers_between(connection, run, rule, after, through, now)
        ]
        after = through


def _enrolled(triggered_at: datetime, place: Place) -> Enrolled:
    return Enrolled(triggered_at, place.decided, place.due_at if place.put_off else None, place.put_off)


def _foresee_part(
    connection: Connection, content: Content, run: Run, part: Sequence[_Reader], now: datetime, until: datetime
) -> Iterator[Foreseen]:
    if not part:
        return
    ids = sorted({one.subscriber_id for one in part})
    steps = {step.id: step for step in content.steps.get(run.sequence, ())}
    facts = _Facts(connection, content, run, steps, ids, now)
    for one in part:
        zone = facts.zone(one.subscriber_id)
        quiet = content.publication.quiet
        known = facts.of(one.subscriber_id)
        yield from foresee(one.enrolled, run.timings, run.anchors, zone, known, quiet, now, until)


class _Facts:
    """What is known of a part of the list, asked for once."""

    def __init__(
        self,
        connection: Connection,
        content: Content,
        run: Run,
        steps: dict[str, Step],
        ids: Sequence[int],
        now: datetime,
    ) -> None:
        self._run, self._steps = run, steps
        self._usual = content.publication.slot.zone
        self._known = {
            step_id: standings(
                connection, ids, run.launch_id, steps[step_id].rules if step_id in steps else NO_RULES, now
            )
            for step_id in run.timings
        }
        lived = {one: self.zone(one) or self._usual for one in ids}
        self._issues = issues_near(connection, content.publication, lived, now)
        self._followups = followups_near(connection, ids, now)
        held = look_at_run(run, content)[1] if run.id else frozenset[str]()
        self._held: Iterable[str] = run.timings if held is None else held

    def zone(self, subscriber_id: int) -> str:
        """Where a reader lives; empty where nobody knows."""
        known = next(iter(self._known.values()), {}).get(subscriber_id)
        return known.zone if known else ""

    def of(self, subscriber_id: int) -> dict[str, Facts]:
        """The facts about a reader towards each step."""
        zone = self.zone(subscriber_id)
        near = Near(zone or self._usual, self._issues.get(subscriber_id, ()), self._followups.get(subscriber_id, ()))
        return {
            step_id: replace(
                facts_about(self._run, self._steps.get(step_id), known.get(subscriber_id), near, zone),
                held=step_id in self._held,
            )
            for step_id, known in self._known.items()
        }
