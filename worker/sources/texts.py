"""Texts by the names a person gives them: an issue's slug, `sequence/step`, or `notices/name`. Listing opens no file, so a broken one is listed too."""

from __future__ import annotations

import re
from pathlib import Path

from worker.domain.issue import Issue
from worker.errors import UnknownIssue
from worker.sources.files import read_text
from worker.sources.issues import read_issue
from worker.sources.notices import FOLDER, list_notices, read_notice
from worker.sources.steps import read_steps

_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}-(?=.)")


def list_text_names(project: Path) -> list[str]:
    """Issues, newest first by the date in their file names, then the steps of every sequence, then the notices."""
    issues = sorted(_stems(project / "content" / "issues"), reverse=True)
    folders = sorted(path for path in (project / "content" / "sequences").glob("*/") if path.is_dir())
    slugs = [_DATE.sub("", stem) for stem in issues]
    # Two issues may have one slug; then the whole file name tells them apart.
    named = [slug if slugs.count(slug) == 1 else stem for slug, stem in zip(slugs, issues, strict=True)]
    steps = [f"{folder.name}/{stem}" for folder in folders for stem in sorted(_stems(folder))]
    return [*named, *steps, *(f"{FOLDER}/{name}" for name in list_notices(project))]


def read_named_text(project: Path, name: str) -> tuple[Issue, str]:
    """The text, and which message layout it takes. UnknownIssue where there is none; SourceError where it is broken."""
    sequence, slash, step_name = name.partition("/")
    if not slash:
        return read_issue(project, name), "issue"
    if sequence == FOLDER:
        return read_notice(project, step_name), step_name
    for step in read_steps(project, sequence):
        if step_name in (step.text.slug, step.id):
            return step.text, "step"
    raise UnknownIssue(
        f"there is no step {step_name!r}", file=f"content/sequences/{sequence}", fix="use the name of a file there"
    )


def excerpt(project: Path, file: str, line: int, around: int = 2) -> list[tuple[int, str]]:
    """The lines of a file of the project near one of its lines, with their numbers; nothing of any other file."""
    path = (project / file).resolve()
    if not path.is_relative_to(project.resolve()) or not path.is_file() or path.suffix not in (".md", ".toml", ".j2"):
        return []
    lines = read_text(project, path)[0].split("\n")
    first = max(1, line - around)
    return [(number, lines[number - 1]) for number in range(first, min(len(lines), line + around) + 1)]


def _stems(folder: Path) -> list[str]:
    return [path.stem for path in folder.glob("*.md") if not path.name.startswith((".", "_"))]
