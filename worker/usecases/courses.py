"""Courses: the ways that readers have before them, in every run that is open or will begin, a part of the list at a time.

Reads only. What is known of each reader is gathered as the clock gathers it (worker/usecases/decide_steps.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from worker.domain.calendar import instant
from worker.domain.due_step import Arrival, Facts
from worker.domain.foresight import Course
from worker.domain.launch import Launch
from worker.domain.mailing import MailingStatus
from worker.domain.quiet import Near
from worker.domain.run import Run, issue_key, launch_key
from worker.domain.segment import Rule
from worker.domain.sequence import Anchors, anchors_of, timings_of
from worker.domain.step_rules import NO_RULES
from worker.domain.timing import Anchor
from worker.errors import BroadsheetError
from worker.store.engine import Connection
from worker.store.followups.enrollments import readers_between, zones_of
from worker.store.followups.facts import standings
from worker.store.followups.members import Place, active_among, places_of
from worker.store.followups.near import followups_near, issues_near
from worker.store.followups.runs import find_run, open_runs
from worker.store.segments import audience_rule
from worker.usecases.content import Content
from worker.usecases.decide_steps import closes_at, facts_about, issue_arrivals, issue_of
from worker.usecases.enroll_audiences import is_to_come, new_enrollments
from worker.usecases.watch_edits import look_at_run

NOT_BEGUN = 0  # the id of a run that is only imagined


class Entry(NamedTuple):
    """That a reader is in a run, or will be, and where they stand in it."""

    run: Run
    subscriber_id: int
    triggered_at: datetime
    place: Place = Place()


@dataclass(slots=True)
class Outset:
    """Where one reader stands at this moment: their courses, each with its run, and the follow-ups they got."""

    zone: str
    followups: Sequence[datetime] = ()
    runs: list[Run] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)


def runs_ahead(connection: Connection, content: Content, now: datetime) -> list[Run]:
    """Every run that is open, and those of launches that will begin."""
    begun = open_runs(connection)
    known = {run.key for run in begun}
    coming = (
        run
        for launch in content.launches.values()
        if (run := imagined_run(content, launch, now)) and run.key not in known
    )
    found = [*begun, *(run for run in coming if find_run(connection, run.key) is None)]
    return [*found, *(run for run in _after_issues(connection, content, now) if find_run(connection, run.key) is None)]


def _after_issues(connection: Connection, content: Content, now: datetime) -> Iterator[Run]:
    """The runs that will follow issues which are scheduled."""
    for name, steps in content.steps.items():
        if not steps or steps[0].timing.anchor is not Anchor.ISSUE:
            continue
        issue_id, anchors = steps[0].timing.which, Anchors(content.publication.slot.zone)
        run = Run(NOT_BEGUN, issue_key(issue_id, name), name, None, anchors, timings_of(steps), now)
        issue = issue_of(connection, run)
        if issue is not None and issue.status not in (MailingStatus.CANCELLED, MailingStatus.DRAFT):
            yield run


def imagined_run(content: Content, launch: Launch, now: datetime) -> Run | None:
    """The run of a launch as it would begin now; None of one that has closed or whose sequence has no step."""
    steps = content.steps.get(launch.sequence, ())
    if not steps or not is_open(launch, now):
        return None
    key = launch_key(launch.id)
    return Run(NOT_BEGUN, key, launch.sequence, launch.id, anchors_of(launch), timings_of(steps), now)


def is_open(launch: Launch | None, now: datetime) -> bool:
    """Whether anybody may still come into its run."""
    return launch is not None and now < instant(launch.closes, launch.zone)


def entries_among(
    connection: Connection, content: Content, runs: Sequence[Run], ids: Sequence[int], now: datetime
) -> Iterator[Entry]:
    """Every entry of these subscribers (ids in order) into these runs: those that are, oldest first, and those to come."""
    by_id = {run.id: run for run in runs}
    active = active_among(connection, set(by_id) - {NOT_BEGUN}, ids)
    places = places_of(connection, [one.id for one in active])
    for one in active:
        yield Entry(by_id[one.run_id], one.subscriber_id, one.triggered_at, places.get(one.id, Place()))
    among = set(ids)
    for run in runs:
        rule = _who_comes(connection, content, run, now)
        if rule is None:
            continue
        coming = [
            one
            for one in readers_between(connection, run, rule, ids[0] - 1, ids[-1], now)
            if one.subscriber_id in among and (run.id == NOT_BEGUN or is_to_come(run, one))
        ]
        for new in new_enrollments(connection, run, coming, now):
            yield Entry(run, new.subscriber_id, new.triggered_at)


def _who_comes(connection: Connection, content: Content, run: Run, now: datetime) -> Rule | None:
    """Who may still come into a run; None where nobody does, or nobody can tell."""
    launch, issue = content.launches.get(run.launch_id or ""), issue_of(connection, run)
    if launch is not None and is_open(launch, now):
        segment = launch.audience
    elif issue is not None and run.id == NOT_BEGUN:
        segment = issue.segment
    else:
        return None
    try:
        return audience_rule(segment, content.publication)
    except BroadsheetError:  # it stands in the way of this run alone, and its author is told elsewhere
        return None


def outsets(connection: Connection, content: Content, entries: Sequence[Entry], now: datetime) -> dict[int, Outset]:
    """Where these readers stand, by subscriber."""
    ids = sorted({entry.subscriber_id for entry in entries})
    zones = zones_of(connection, ids)
    usual = content.publication.slot.zone
    issues = issues_near(connection, content.publication, {one: zones.get(one, "") or usual for one in ids}, now)
    followups = followups_near(connection, ids, now)
    near = {one: Near(zones.get(one, "") or usual, issues.get(one, ())) for one in ids}
    found = {one: Outset(zones.get(one, ""), followups.get(one, ())) for one in ids}
    known: dict[str, dict[int, dict[str, Facts]]] = {}
    parts: dict[str, tuple[Run, list[int]]] = {}
    for entry in entries:
        parts.setdefault(entry.run.key, (entry.run, []))[1].append(entry.subscriber_id)
    for key, (run, readers) in parts.items():
        known[key] = _facts(connection, content, run, {one: near[one] for one in readers}, zones, now)
    for entry in entries:
        run, place = entry.run, entry.place
        put_off_until = place.due_at if place.put_off else None
        course = Course(
            run.timings,
            run.anchors,
            entry.triggered_at,
            known[run.key][entry.subscriber_id],
            place.decided,
            put_off_until,
            place.put_off,
        )
        found[entry.subscriber_id].runs.append(run)
        found[entry.subscriber_id].courses.append(course)
    return found


def _facts(
    connection: Connection, content: Content, run: Run, near: dict[int, Near], zones: dict[int, str], now: datetime
) -> dict[int, dict[str, Facts]]:
    """What is known of readers towards each step of a run: by reader and step."""
    steps = {step.id: step for step in content.steps.get(run.sequence, ())}
    held = look_at_run(run, content)[1] if run.id != NOT_BEGUN else frozenset[str]()
    closes = closes_at(connection, content, run)
    arrived = issue_arrivals(connection, run, sorted(near))
    found: defaultdict[int, dict[str, Facts]] = defaultdict(dict)
    for step_id in run.timings:
        step = steps.get(step_id)
        known = standings(connection, sorted(near), run.launch_id, step.rules if step else NO_RULES, now)
        waits = held is None or step_id in held
        lost = step is None and held is not None  # a whole folder that is gone may come back
        for one, hours in near.items():
            facts = facts_about(content, run, step, known.get(one), hours, zones.get(one, ""), closes)
            never = arrived.get(one) is Arrival.NEVER  # what is on its way will have come by then
            arrival = Arrival.NEVER if never else Arrival.CAME
            found[one][step_id] = replace(facts, held=waits, removed=lost, arrival=arrival)
    return found
