"""Sequences: which moment a step's `when` means, and until when it makes sense. Pure arithmetic on wall clocks.

Days are counted on the calendar of the zone, not in 24 hours: "one day later at 09:00" is 09:00 whatever the
clocks did that night. A step never goes before what it counts after, nor after what it counts before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.domain.calendar import instant, wall_time
from worker.domain.issue import Step
from worker.domain.late import Late
from worker.domain.launch import Launch
from worker.domain.timing import EVERY_DAY, Anchor, Timing, parse_when

#: A step that counts from no close makes sense for so long after its moment.
KEEPS = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Anchors:
    """What the steps of one run count from. `opens` and `closes`: naive wall times in `zone`, of a launch alone.

    `zone` is the author's: the launch's, or the publication's.
    """

    zone: str
    opens: datetime | None = None
    closes: datetime | None = None

    def moment(self, anchor: Anchor, triggered_at: datetime) -> datetime:
        """The instant a step counts from: an end of the launch, or what met the reader."""
        wall = {Anchor.OPENS: self.opens, Anchor.CLOSES: self.closes}.get(anchor)
        return triggered_at if wall is None else instant(wall, self.zone)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step falls due, and from when on it makes no sense any more. UTC instants."""

    step_id: str
    due_at: datetime
    expires_at: datetime


Timings = Mapping[str, Timing]  # step id -> when, in the order of the files


def anchors_of(launch: Launch) -> Anchors:
    """What the steps of a launch count from."""
    return Anchors(launch.zone, launch.opens, launch.closes)


def timings_of(steps: Sequence[Step]) -> dict[str, Timing]:
    """When each step goes, in the order of the files."""
    return {step.id: step.timing for step in steps}


def fall_due(timing: Timing, counted_from: datetime, zone: str) -> datetime:
    """The instant a step falls due that counts from an instant, on the wall clock of `zone`."""
    sign = -1 if timing.before else 1
    if timing.elapsed is not None:
        due = counted_from + sign * timing.elapsed
        wall = wall_time(due, zone)
    else:
        wall = wall_time(counted_from, zone) + timedelta(days=sign * timing.calendar_days)
        if timing.at is not None:
            wall = datetime.combine(wall.date(), timing.at)
        due = instant(wall, zone) if timing.calendar_days or timing.at is not None else counted_from
        if not timing.before and due < counted_from:  # the hour has passed on that day already
            wall += timedelta(days=1)
            due = instant(wall, zone)
    if wall.weekday() not in timing.days:
        due = instant(_allowed(wall, timing.days, sign), zone)
    return min(due, counted_from) if timing.before else max(due, counted_from)


def moment_of(step_id: str, timing: Timing, anchors: Anchors, triggered_at: datetime, zone: str = "") -> Moment:
    """When a step falls due for somebody who was met at `triggered_at` and whose zone is `zone` (empty: not known)."""
    counted_from = anchors.moment(timing.anchor, triggered_at)
    due = fall_due(timing, counted_from, zone if timing.theirs and zone else anchors.zone)
    return Moment(step_id, due, _expires(timing, anchors, counted_from, due))


def next_moment(
    timings: Timings, decided: Collection[str], anchors: Anchors, triggered_at: datetime, zone: str = ""
) -> Moment | None:
    """The earliest step that is not decided yet; of two at one moment the one whose file stands first."""
    open_steps = (
        moment_of(step_id, timing, anchors, triggered_at, zone)
        for step_id, timing in timings.items()
        if step_id not in decided
    )
    return min(open_steps, key=lambda one: one.due_at, default=None)


def last_moment(timings: Timings, anchors: Anchors, started_at: datetime) -> datetime:
    """A moment at which a run that started then and enrolls nobody any more has nothing left, whoever takes part."""
    expiries = [moment_of(step_id, timing, anchors, started_at).expires_at for step_id, timing in timings.items()]
    return max(expiries, default=started_at) + timedelta(days=8)  # other zones, and the next allowed weekday


def first_of_launch(timings: Timings, anchors: Anchors) -> datetime:
    """When the run of a launch begins: it opens, or one of its steps goes before that, wherever the reader lives."""
    if anchors.opens is None:
        raise ValueError("these are no launch's")
    opens = instant(anchors.opens, anchors.zone)
    ahead = [
        moment_of(step_id, timing, anchors, opens).due_at - timedelta(days=1 if timing.theirs else 0)
        for step_id, timing in timings.items()
    ]
    return min([opens, *(at for at in ahead if at < opens)])


def late_policy(step: Step, of_launch: bool, usual: Late) -> Late:
    """What happens where a step's mailing misses its hour: as its front matter says, else, of a launch's, as the publication
    says; what met one reader alone goes when it can, within its time.

    One that counts back expires instead: a "two days left" is wrong when it comes late.
    """
    return step.text.late or (Late.EXPIRE if step.timing.before else usual if of_launch else Late.SEND)


def write_anchors(anchors: Anchors) -> dict[str, str]:
    """For JSON."""
    walls = {"opens": anchors.opens, "closes": anchors.closes}
    return {"zone": anchors.zone} | {key: wall.isoformat() for key, wall in walls.items() if wall is not None}


def read_anchors(kept: Mapping[str, str]) -> Anchors:
    """What `write_anchors` wrote."""
    opens, closes = (datetime.fromisoformat(kept[key]) if key in kept else None for key in ("opens", "closes"))
    return Anchors(kept["zone"], opens, closes)


def write_timings(timings: Timings) -> list[list[str]]:
    """For JSON: step ids and sentences, in order."""
    return [[step_id, str(timing)] for step_id, timing in timings.items()]


def read_timings(kept: Sequence[Sequence[str]]) -> dict[str, Timing]:
    """What `write_timings` wrote."""
    return {step_id: parse_when(words) for step_id, words in kept}


def _allowed(wall: datetime, days: Collection[int], sign: int) -> datetime:
    """The nearest allowed day, forwards or backwards, at the same hour."""
    for turned in range(7):
        moved = wall + timedelta(days=sign * turned)
        if moved.weekday() in (days or EVERY_DAY):
            return moved
    raise AssertionError("unreachable")


def _expires(timing: Timing, anchors: Anchors, counted_from: datetime, due: datetime) -> datetime:
    if timing.before:
        return counted_from
    if anchors.closes is not None and timing.anchor is not Anchor.CLOSES:
        return instant(anchors.closes, anchors.zone)
    return due + KEEPS
