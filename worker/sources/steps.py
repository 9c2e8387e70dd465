"""Sequences: folders `content/sequences/<name>/` of Markdown files, one a step, in the order of their names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from worker.domain.issue import Step
from worker.domain.segment import Rule
from worker.domain.step_rules import StepRules, one_friend_short, read_step_rule
from worker.domain.timing import Anchor, Timing, parse_when
from worker.errors import BroadsheetError, SourceError
from worker.sources.frontmatter import Sheet
from worker.sources.issues import ISSUE_KEYS, issue_of, read_issue
from worker.sources.publication import read_publication

_RULES = ("only_if", "stop_if")
# A step's own hour is in `when`, and who gets it follows from what it counts from, and from its rules.
_KEYS = ISSUE_KEYS - {"local_hour", "audience"} | {"when", *_RULES}
_NAME = re.compile(r"[A-Za-z0-9][\w-]*")
_LONGEST = (
    255  # bytes of a folder's name on every usual file system; a longer one is an error there, not merely missing
)
_GONE = ("anchor", "days", "at")


def list_sequences(project: Path) -> list[str]:
    """The names of those that have a step."""
    folders = sorted((project / "content" / "sequences").glob("*/"))
    return [folder.name for folder in folders if any(_paths(folder))]


def read_steps(project: Path, sequence: str) -> list[Step]:
    """Every step of a sequence. SourceError where one cannot be read, two have one id, or they count from different things."""
    above = project / "content" / "sequences"
    folder, name = above / sequence, f"content/sequences/{sequence}"
    possible = "\0" not in sequence and len(sequence.encode()) <= _LONGEST
    if not _NAME.fullmatch(sequence):
        there = possible and folder.is_dir() and folder.parent == above
        what = f"a sequence cannot be called {sequence!r}" if there else "there is no such sequence"
        raise SourceError(what, file=name, fix="name it with letters, digits, - and _, a letter or digit first")
    if not possible or not folder.is_dir():
        raise SourceError(
            "there is no such sequence", file=name, fix=f"make the folder {name} with one .md file a step"
        )
    steps: list[Step] = []
    for path in _paths(folder):
        sheet = Sheet.read(project, path, _KEYS | set(_GONE))
        timing = _timing(project, sheet)
        step = Step(sequence, issue_of(sheet, path.stem), timing, _rules(project, sheet, timing))
        _refuse_odd(sheet, step, steps)
        steps.append(step)
    return steps


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.md") if not path.name.startswith((".", "_")) and not path.is_dir())


def _refuse_odd(sheet: Sheet, step: Step, others: list[Step]) -> None:
    for twin in others:
        if twin.id == step.id:
            raise sheet.wrong("id", f"{step.id!r} is also in {twin.text.file}", "give the newer one an id of its own")
    if others and others[0].timing.source != step.timing.source:
        first = others[0]
        raise sheet.wrong(
            "when",
            f"counts from {step.timing.anchor.value} {step.timing.which}".rstrip()
            + f", but {first.text.file} counts from {first.timing.anchor.value} {first.timing.which}".rstrip(),
            "let all steps of one folder count from one thing, or give this one a folder of its own",
        )


def _timing(project: Path, sheet: Sheet) -> Timing:
    for key in _GONE:
        if key in sheet.values:
            raise sheet.wrong(
                key, "is no key any more", "write it as one sentence: when: 1 day before closes, at 09:00"
            )
    written = sheet.string("when")
    try:
        timing = parse_when(written)
    except ValueError as wrong:
        raise sheet.wrong("when", f"cannot be read: {wrong}", "docs/followups.md shows every form") from None
    if timing.anchor is not Anchor.ISSUE:
        return timing
    try:
        return replace(timing, which=read_issue(project, timing.which).id)
    except BroadsheetError:
        raise sheet.wrong(
            "when", f"names no issue: {timing.which!r}", "use the id in an issue's front matter"
        ) from None


def _rules(project: Path, sheet: Sheet, timing: Timing) -> StepRules:
    found: dict[str, Rule] = {}
    for key in _RULES:
        if key not in sheet.rules:
            continue
        publication = read_publication(project)
        try:
            found[key] = read_step_rule(sheet.rules[key], publication.slot.zone, publication.audiences)
        except ValueError as wrong:
            raise sheet.wrong(key, f"cannot be read: {wrong}", f"write for example {key}: {{tag: producer}}") from None
    if timing.anchor is Anchor.ALMOST:
        thresholds = [one.friends for one in read_publication(project).referral.milestones]
        found["only_if"] = one_friend_short(thresholds, found.get("only_if"))
    return StepRules(found.get("only_if"), found.get("stop_if"))
