"""Steps of sequences: Markdown files in `content/sequences/<name>/`, in the order of their names."""

from __future__ import annotations

import re
from pathlib import Path

from worker.domain.issue import Step, Timing
from worker.errors import SourceError
from worker.sources.files import hour
from worker.sources.frontmatter import Sheet
from worker.sources.issues import ISSUE_KEYS, issue_of

_ANCHORS = ("opens", "closes", "trigger")
_KEYS = ISSUE_KEYS - {"local_hour"} | {"anchor", "days", "at"}  # a step goes to all of its readers at once


def read_steps(project: Path, sequence: str) -> list[Step]:
    """Every step of a sequence. SourceError where one cannot be read, or two have one id."""
    folder = project / "content" / "sequences" / sequence
    name = f"content/sequences/{sequence}"
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", sequence) or not folder.is_dir():
        raise SourceError(
            "there is no such sequence", file=name, fix=f"make the folder {name} with one .md file a step"
        )
    steps: list[Step] = []
    for path in sorted(folder.glob("*.md")):
        if path.name.startswith((".", "_")):
            continue
        sheet = Sheet.read(project, path, _KEYS)
        step = Step(sequence, issue_of(sheet, path.stem), _timing(sheet))
        for twin in steps:
            if twin.id == step.id:
                fix = "give the newer one an id of its own"
                raise sheet.wrong("id", f"{step.id!r} is also in {twin.text.file}", fix)
        steps.append(step)
    return steps


def _timing(sheet: Sheet) -> Timing:
    anchor = sheet.string("anchor")
    if anchor not in _ANCHORS:
        raise sheet.wrong("anchor", f"is {anchor!r}", f"use one of: {', '.join(_ANCHORS)}")
    days = sheet.string("days", "0")
    if not re.fullmatch(r"[+-]?\d{1,4}", days):
        raise sheet.wrong("days", f"is no whole number: {days!r}", "write days: 3, or days: -1 for the day before")
    written = sheet.string("at", "")
    at = hour(written)
    if written and at is None:
        raise sheet.wrong("at", f"is no hour: {written!r}", 'write at: "09:00"')
    if at is None and int(days) < 0:
        raise sheet.wrong("days", "counts back, so the step needs an hour", 'add at: "09:00"')
    return Timing(anchor, int(days), at)
