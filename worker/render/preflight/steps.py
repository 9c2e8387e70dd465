"""Steps of a launch: whether a reader can apply from one, and whether it can still reach anybody.

A step belongs to every launch that names its folder as its sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.domain.calendar import wall_time
from worker.domain.edition import MergeName
from worker.domain.launch import Launch
from worker.render.merge import OF_A_LAUNCH
from worker.render.preflight.dates import said_dates
from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof

_END = re.compile(r"(?<=[.!?])\s+")  # of a sentence, or of an abbreviation, which does no harm here
_FOLDER = "content/sequences/"


@rule("launch-link", ERROR, "the mail belongs to no launch, so the link would lead nowhere", silenceable=False)
def launch_links_stand_in_a_launch(proof: Proof) -> Iterator[Spot]:
    """`{apply_link}` and `{mute_link}` stand in steps of a launch alone."""
    if _launches(proof):
        return
    used = {tag.name for plan in proof.plans for tag in proof.editions[plan].merge_tags}
    for name in OF_A_LAUNCH:
        if name in used:
            fix = (
                "show the launch with `::: launch ID`, or name this folder as the sequence of one in content/launches/"
            )
            line = proof.line(proof.text.body_line, f"{{{name.value}")
            yield Spot(f"{{{name.value}}} in a text that is no step of a launch", fix, line)


@rule("apply-link", WARNING, "readers are told of something and given no way to apply")
def readers_can_apply(proof: Proof) -> Iterator[Spot]:
    """A step of a launch holds `{apply_link}`, for each plan."""
    if not _launches(proof):
        return
    for plan in proof.plans:
        if MergeName.APPLY_LINK not in {tag.name for tag in proof.editions[plan].merge_tags}:
            fix = "add a button: `::: button {apply_link}`, its label on the next line, and `:::`"
            yield Spot(f"the {plan} edition has no {{apply_link}}", fix, proof.text.body_line)


@rule("step-closed", WARNING, "nobody is mailed a step of a launch that has closed")
def launch_of_the_step_is_open(proof: Proof) -> Iterator[Spot]:
    """A launch that sends the step has not closed yet."""
    launches = _launches(proof)
    if launches and all(one.closes_at <= proof.facts.now for one in launches):
        last = max(launches, key=lambda one: one.closes_at)
        problem = f"{last.name} closed on {last.closes:%d %B %Y}, and nothing else sends this step"
        yield Spot(problem, "give the launch new dates and an id of its own, or take the step out", 1)


@rule("step-date", WARNING, "a reminder that speaks of a day gone by is read as one sent by mistake")
def dates_of_a_step_are_to_come(proof: Proof) -> Iterator[Spot]:
    """No date in a step of a launch that is still to close has passed, or lies after the close."""
    open_ones = [one for one in _launches(proof) if one.closes_at > proof.facts.now]
    if not open_ones:
        return
    today = wall_time(proof.facts.now, proof.publication.slot.zone).date()
    last = max(one.closes.date() for one in open_ones)
    for line, sentence in _sentences(proof):
        for found, day in said_dates(sentence, today):
            if day < today:
                yield Spot(f"{found!r} is past", "give a date to come", proof.line(line, found))
            elif day > last and "clos" in sentence.lower():
                problem = f"{found!r} is after the close on {last:%d %B %Y}"
                yield Spot(problem, "say the day on which it closes", proof.line(line, found))


def _sentences(proof: Proof) -> Iterator[tuple[int, str]]:
    for line, words in _said(proof):
        for sentence in _END.split(words):
            yield line, sentence


def _said(proof: Proof) -> Iterator[tuple[int, str]]:
    for key, by_plan in (("subject", proof.text.subject), ("preview", proof.text.preview)):
        for words in dict.fromkeys(by_plan[plan] for plan in proof.plans):
            yield proof.text.line_of(key), words
    yield from proof.passages()


def _launches(proof: Proof) -> list[Launch]:
    """The launches whose sequence a step belongs to; none for any other text."""
    if proof.message != "step" or not proof.text.file.startswith(_FOLDER):
        return []
    sequence = proof.text.file.removeprefix(_FOLDER).partition("/")[0]
    return [one for one in proof.facts.launches.values() if one.sequence == sequence]
