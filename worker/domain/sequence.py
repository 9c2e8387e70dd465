"""Sequences: when a step falls due. Arithmetic on wall times only; who gets it is the ledger's business.

Days are counted on the calendar of the zone, not in 24 hours: "one day later at 09:00" is 09:00 whatever the
clocks did that night.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from worker.domain.calendar import instant, wall_time
from worker.domain.issue import Step, Timing
from worker.domain.late import Late
from worker.domain.launch import Launch
from worker.errors import SourceError

OPENS, CLOSES, TRIGGER = "opens", "closes", "trigger"  # what a step's timing may count from

#: A triggered step this long overdue is not sent any more: somebody who adds a step to an old list, or comes back
#: after weeks without a running clock, does not congratulate readers on something long past.
LATEST = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Hour:
    """A naive wall time and its IANA zone."""

    wall: datetime
    zone: str

    @property
    def at(self) -> datetime:
        """The UTC instant."""
        return instant(self.wall, self.zone)


def launch_hour(step: Step, launch: Launch) -> Hour:
    """When a step of a launch falls due, on the launch's wall clock.

    Raises SourceError, naming the step's file, where its timing counts from anything but opens and closes.
    """
    match step.timing.anchor:
        case "opens":
            return Hour(_moved(launch.opens, step.timing), launch.zone)
        case "closes":
            return Hour(_moved(launch.closes, step.timing), launch.zone)
        case other:
            raise SourceError(
                f'a step of a launch cannot count from "{other}"',
                file=step.text.file,
                fix=f"write anchor: {OPENS} or anchor: {CLOSES}",
            )


def launch_step_due(step: Step, launch: Launch, now: datetime) -> Hour | None:
    """The step's hour if it has come and the launch has not closed; a step that missed the close never is due."""
    hour = launch_hour(step, launch)
    return hour if hour.at <= now < instant(launch.closes, launch.zone) else None


def late_policy(step: Step, usual: Late) -> Late:
    """What happens where a step of a launch misses its hour: as its front matter says, else `usual`, the publication's.

    One that counts from the close expires instead: a "two days left" is wrong when it comes late.
    """
    return step.text.late or (Late.EXPIRE if step.timing.anchor == CLOSES else usual)


def triggered_step_due(step: Step, triggered_at: datetime, zone: str, now: datetime) -> Hour | None:
    """The hour of a step triggered at an instant, if it has come and is not older than LATEST.

    An hour that lies before its trigger (the same day at 09:00, triggered at noon) has come at once.
    """
    hour = Hour(_moved(wall_time(triggered_at, zone), step.timing), zone)
    return hour if hour.at <= now <= hour.at + LATEST else None


def _moved(anchor: datetime, timing: Timing) -> datetime:
    day = anchor + timedelta(days=timing.days)
    return day if timing.at is None else datetime.combine(day.date(), timing.at)
