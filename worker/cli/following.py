"""Following a mailing: a progress bar on a screen, a line now and then where the output goes elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from worker.cli.shape import local, out, say
from worker.domain.delivery import DeliveryState
from worker.domain.mailing import MailingStatus
from worker.store.engine import Engine
from worker.usecases.overview import Overview, overview

_OPEN = (DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.SUBMITTING)
_RESTING = (MailingStatus.FINISHED, MailingStatus.CANCELLED, MailingStatus.PAUSED, MailingStatus.DRAFT)
_WAITING = (MailingStatus.SCHEDULED, MailingStatus.PLANNING)
POLL_SECONDS = 0.25
LINE_SECONDS = 5.0  # between two lines where there is no screen
STILL_SECONDS = 20.0  # so long without a move, and somebody should look at the workers


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a mailing is: `reached` of `audience`, per second, and seconds left (None: nobody can tell yet)."""

    words: str
    reached: int
    audience: int
    rate: float
    left: float | None
    still: bool  # nothing has moved for a while although its hour has come

    @property
    def pace(self) -> str:
        """`412/s, 8 s left`, as far as it is known and still of interest."""
        if self.left is None:
            return ""
        rate = f"{self.rate:,.0f}/s"
        return f"{rate}, {_duration(self.left)} left" if self.reached < self.audience else rate


def follow(engine: Engine, mailing_id: int, console: Console = out) -> None:
    """Show progress until nothing is left to submit. Ctrl-C ends the watching only."""
    if console.is_terminal:
        _bar(engine, mailing_id, console)
    else:
        _lines(engine, mailing_id, console)


def moments(engine: Engine, mailing_id: int) -> Iterator[Moment]:
    """One every quarter of a second, the last one when the mailing rests, is fenced, or has nothing left to submit."""
    began: tuple[float, int] | None = None
    moved, before = time.monotonic(), -1
    while True:
        seen = overview(engine, mailing_id)
        now = time.monotonic()
        planned = seen.mailing.planned_at is not None
        open_ones = sum(seen.whole.by_state[one] for one in _OPEN)
        reached = seen.whole.audience - open_ones
        if reached != before:
            moved, before = now, reached
        if planned:
            began = began or (now, reached)
        rate, left = _pace(began, now, reached, open_ones)
        still = now - moved > STILL_SECONDS and not _early(seen)
        yield Moment(_words(seen), reached, seen.whole.audience, rate, left, still)
        if seen.mailing.status in _RESTING or (planned and open_ones == 0) or seen.fenced:
            return
        time.sleep(POLL_SECONDS)


def _pace(began: tuple[float, int] | None, now: float, reached: int, open_ones: int) -> tuple[float, float | None]:
    if began is None or now - began[0] < 1:
        return 0.0, None
    rate = (reached - began[1]) / (now - began[0])
    return rate, open_ones / rate if rate else None


def _words(seen: Overview) -> str:
    if _early(seen):
        return f"goes {local(seen.mailing.send_at, seen.mailing.zone)}"
    return "planning" if seen.mailing.status in _WAITING else seen.mailing.status.value


def _early(seen: Overview) -> bool:
    return seen.mailing.status is MailingStatus.SCHEDULED and seen.mailing.send_at.timestamp() > time.time()


def _bar(engine: Engine, mailing_id: int, console: Console) -> None:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[numbers]}", markup=False),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("planning", total=None, numbers="")
        warned = False
        for moment in moments(engine, mailing_id):
            known = moment.audience > 0
            numbers = f"{moment.reached:,} of {moment.audience:,}  {moment.pace}" if known else ""
            bar.update(
                task,
                description=moment.words,
                total=moment.audience or None,
                completed=moment.reached,
                numbers=numbers,
            )
            if moment.still and not warned:
                warned = True
                say(_STILL, console=bar.console)


def _lines(engine: Engine, mailing_id: int, console: Console) -> None:
    last, said = float("-inf"), ""
    for moment in moments(engine, mailing_id):
        line = moment.words
        if moment.audience:
            line += f": {moment.reached:,} of {moment.audience:,}"
        if moment.still:
            line += f". {_STILL}"
        elif moment.pace:
            line += f" ({moment.pace})"
        now = time.monotonic()
        if now - last >= LINE_SECONDS and line != said:
            say(line, console=console)
            last, said = now, line
    if line != said:
        say(line, console=console)


_STILL = "Nothing has moved for a while. Do the workers run? `broadsheet run` starts them."


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
