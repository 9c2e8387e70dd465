"""Notices: short mail about a reader's own subscription, `content/notices/<name>.md`. Their names are a closed list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from worker.domain.edition import MergeName
from worker.domain.issue import Issue
from worker.errors import SourceError
from worker.sources.frontmatter import Sheet
from worker.sources.issues import issue_of

FOLDER = "notices"
NOTICES = ("confirmation", "welcome")  # each with a layout of its name in emails/messages/
FOR_A_FRIEND = "-friend"  # behind the name of the welcome: the one for somebody whom a reader brought
_FRIEND = re.compile(r"^:::+[ \t]*friend[ \t]*$")
_CLOSED = re.compile(r"^:::+[ \t]*$")
_KEYS = frozenset({"title", "subject", "preview", "silence", "language"})


def read_notice(project: Path, name: str) -> Issue:
    """The text of a notice. SourceError where there is none, or where it cannot be read.

    `welcome-friend` is the welcome with what stands between `::: friend` and `:::`, `welcome` without.
    """
    name, brought, _ = name.partition(FOR_A_FRIEND)
    file = f"content/{FOLDER}/{name}.md"
    if name not in NOTICES:
        raise SourceError("there is no such notice", file=file, fix=f"the notices are: {', '.join(NOTICES)}")
    path = project / "content" / FOLDER / f"{name}.md"
    if not path.is_file():
        fix = "write it as docs/authoring.md shows, then resume the mailings that wait for it"
        raise SourceError("nobody can sign up without this text", file=file, fix=fix)
    sheet = Sheet.read(project, path, _KEYS)
    if name == "confirmation":
        _check_confirmation(sheet, path.read_text(encoding="utf-8", errors="replace"))
    if name == "welcome":
        sheet = replace(sheet, body=_for_whom(sheet, bool(brought)))
    return issue_of(replace(sheet, values={**sheet.values, "id": name}), name)


def _for_whom(sheet: Sheet, brought: bool) -> str:
    """The body with or without what is for somebody whom a reader brought. Lines stay where they are, for errors name them."""
    lines = sheet.body.split("\n")
    begun: int | None = None
    for at, words in enumerate(lines):
        if begun is None and _FRIEND.match(words):
            begun, lines[at] = at, ""
        elif begun is not None:
            closes = bool(_CLOSED.match(words))
            if words.startswith(":::") and not closes:
                what = "`::: friend` holds another block"
                fix = "close it with ::: before, and write the block outside"
                raise SourceError(what, file=sheet.file, line=sheet.body_line + at, fix=fix)
            if closes or not brought:
                lines[at] = ""
            if closes:
                begun = None
    if begun is not None:
        line = sheet.body_line + begun
        raise SourceError(
            "`::: friend` is not closed", file=sheet.file, line=line, fix="write ::: on a line of its own"
        )
    return "\n".join(lines)


def _check_confirmation(sheet: Sheet, whole: str) -> None:
    """Without its link nobody could confirm; with a name in it, anybody could have us mail words of theirs to a stranger."""
    if f"{{{MergeName.CONFIRM_LINK}}}" not in sheet.body:
        fix = "write a button: `::: button {confirm_link}`, its label on the next line, and `:::`"
        raise SourceError("nobody could confirm by this text", file=sheet.file, line=sheet.body_line, fix=fix)
    for number, line in enumerate(whole.splitlines(), start=1):
        if f"{{{MergeName.FIRST_NAME}" in line:
            what = "a name in a mail to somebody who has confirmed nothing: whoever filled in the form typed it"
            raise SourceError(what, file=sheet.file, line=number, fix="take {first_name} out of the confirmation")


def list_notices(project: Path) -> Sequence[str]:
    """The names of those that are written."""
    return [name for name in NOTICES if (project / "content" / FOLDER / f"{name}.md").is_file()]
