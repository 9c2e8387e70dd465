"""Dates that have passed by the time a letter is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from worker.domain.calendar import instant, wall_time
from worker.domain.launch import Launch
from worker.render.blocks import Block, Container
from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof
from worker.render.walk import blocks_in, words_of

STALE_DAYS = 7

_MONTHS = ["january", "february", "march", "april", "may", "june"]
_MONTHS += ["july", "august", "september", "october", "november", "december"]
_MONTH = "|".join(f"{month}|{month[:3]}\\.?" for month in _MONTHS)
_DATE = re.compile(
    rf"\b(?P<iso>\d{{4}}-\d\d-\d\d)\b"
    rf"|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_MONTH})\b(?:,? (?P<year>\d{{4}}))?"
    rf"|\b(?P<month2>{_MONTH}) (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<year2>\d{{4}}))?",
    re.IGNORECASE,
)


@rule("issue-date", WARNING, "the date stands on top of the letter, and readers wonder where it has been", timely=True)
def issue_is_not_long_past(proof: Proof) -> Iterator[Spot]:
    """An issue that has not been sent is at most a week old."""
    today = wall_time(proof.facts.now, proof.publication.slot.zone).date()
    day = proof.text.published_on
    if day is not None and proof.message == "issue" and day < today - timedelta(days=STALE_DAYS):
        problem = f"the letter is dated {day.isoformat()}, {(today - day).days} days ago"
        yield Spot(problem, "rename the file to the day it goes", 1)


@rule("launch-closed", WARNING, "a closed launch has no card, so what stands in it is lost", timely=True)
def launch_is_open(proof: Proof) -> Iterator[Spot]:
    """No card of a launch that has closed, or that will have closed by the letter's day."""
    for block, launch in _launches(proof):
        closes = instant(launch.closes, launch.zone)
        if proof.facts.now >= closes:
            problem = f"{launch.name} closes on {launch.closes:%d %B %Y}, before this goes, so its card is left out"
            yield Spot(problem, "take the block out, or give another launch", block.line)
        elif proof.text.published_on and proof.text.published_on > launch.closes.date():
            problem = f"{launch.name} closes on {launch.closes:%d %B %Y}, before the letter's own date"
            yield Spot(problem, "take the block out, or send the letter earlier", block.line)


@rule("launch-dates", ERROR, "readers would be shown a door that never opens")
def launch_opens_before_it_closes(proof: Proof) -> Iterator[Spot]:
    """A launch that is shown closes after it opens."""
    for _, launch in _launches(proof):
        if instant(launch.closes, launch.zone) <= instant(launch.opens, launch.zone):
            problem = f"{launch.name} closes at {launch.closes}, before it opens at {launch.opens}"
            yield Spot(problem, "correct opens and closes", file=launch.file)


@rule("past-date", WARNING, "readers are told to look forward to what is over", timely=True)
def what_comes_is_to_come(proof: Proof) -> Iterator[Spot]:
    """No date in `::: next`, `::: launch` or `::: discount` lies before the letter's day."""
    today = wall_time(proof.facts.now, proof.publication.slot.zone).date()
    day = max(today, proof.text.published_on or today)
    for block in blocks_in(proof.tree.blocks):
        if isinstance(block, Container) and block.name in ("next", "launch", "discount"):
            for words in (block.args, *words_of(block.blocks)):
                for found, said in said_dates(words, day):
                    if said < day:
                        problem = f"{found!r} is past on {day.isoformat()}"
                        yield Spot(problem, "give a date to come", proof.line(block.line, found))


def said_dates(words: str, near: date) -> Iterator[tuple[str, date]]:
    """Each date that stands in the words, as written and as it is meant; without a year the one nearest to `near`."""
    for found in _DATE.finditer(words):
        said = _date(found, near)
        if said is not None:
            yield found[0], said


def _launches(proof: Proof) -> Iterator[tuple[Block, Launch]]:
    for block in blocks_in(proof.tree.blocks):
        if isinstance(block, Container) and block.name == "launch" and block.args in proof.facts.launches:
            yield block, proof.facts.launches[block.args]


def _date(found: re.Match[str], near: date) -> date | None:
    """The date that is meant; without a year the one nearest to the letter's day."""
    try:
        if found["iso"]:
            return date.fromisoformat(found["iso"])
        month = next(
            number
            for number, name in enumerate(_MONTHS, 1)
            if name.startswith((found["month"] or found["month2"]).lower().rstrip("."))
        )
        number = int(found["day"] or found["day2"])
        if written := found["year"] or found["year2"]:
            return date(int(written), month, number)
        return min((date(near.year + by, month, number) for by in (-1, 0, 1)), key=lambda day: abs(day - near))
    except ValueError:
        return None
