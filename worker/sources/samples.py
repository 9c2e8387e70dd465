"""Samples: one short text for each block in `emails/samples/`, for the gallery and the golden files.

Front matter may be left away; where a block needs some (audio, comments), it has an issue's keys.
"""

from __future__ import annotations

from pathlib import Path

from worker.domain.issue import Issue
from worker.errors import SourceError
from worker.sources.files import read_text
from worker.sources.frontmatter import Sheet
from worker.sources.issues import ISSUE_KEYS, issue_of


def read_sample(project: Path, block: str) -> Issue:
    """The sample of a block. SourceError where there is none."""
    path = project / "emails" / "samples" / f"{block}.md"
    if not path.is_file():
        file = f"emails/samples/{block}.md"
        raise SourceError(f"the block {block} has no sample", file=file, fix=f"write {file} with the block in it")
    text, file = read_text(project, path)
    fenced = text.startswith("---\n")
    sheet = Sheet.read(project, path, ISSUE_KEYS) if fenced else Sheet(file, {}, {}, text, 1)
    title = f"A letter with {block} in it"
    values = {"id": f"sample-{block}", "title": title, "subject": title, "preview": f"How {block} looks"}
    return issue_of(Sheet(file, {**values, **sheet.values}, sheet.lines, sheet.body, sheet.body_line), block)
