"""Issues: one Markdown file each in `content/issues/`, found by slug or id; and new ones.

The id in the front matter keys the mailing, so a file can be renamed without anybody being mailed twice; two
issues with one id are an error wherever either is read.
"""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from worker.domain.issue import Audio, Issue
from worker.domain.subscriber import Plan
from worker.errors import SourceError, UnknownIssue
from worker.sources.files import day, is_language
from worker.sources.frontmatter import Sheet
from worker.sources.late import late_of

ISSUE_KEYS = frozenset(
    {"id", "title", "subject", "preview", "audience", "audio", "comments", "late", "local_hour", "silence", "language"}
)

_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")
_AUDIO_KEYS = frozenset({"url", "minutes", "transcript", "apple", "spotify", "youtube"})
_PLANS = frozenset(plan.value for plan in Plan)


def list_issues(project: Path) -> list[Issue]:
    """Every issue, oldest first. SourceError for the first that cannot be read, and for an id used twice."""
    issues = [_read(project, path) for path in _paths(project)]
    _refuse_twins(issues)
    return issues


def read_issue(project: Path, slug_or_id: str) -> Issue:
    """The issue with that id, slug or file name. A mistake in another file does not matter, unless it has its id."""
    readable: list[Issue] = []
    broken: list[SourceError] = []
    for path in _paths(project):
        try:
            readable.append(_read(project, path))
        except SourceError as wrong:
            if slug_or_id in (path.stem, _slug_of(path), path.name):
                raise
            broken.append(wrong)
    found = [i for i in readable if slug_or_id in (i.id, i.slug, Path(i.file).stem, Path(i.file).name)]
    if len(found) == 1:
        _refuse_twins([found[0], *(i for i in readable if i.file != found[0].file and i.id == found[0].id)])
        return found[0]
    if len(found) > 1 and len({issue.id for issue in found}) < len(found):
        _refuse_twins(found)
    if found:
        names = ", ".join(Path(issue.file).stem for issue in found)
        raise SourceError(f"{slug_or_id!r} names more than one issue", file="content/issues", fix=f"say which: {names}")
    if broken:
        raise broken[0]
    known = ", ".join(issue.slug for issue in readable) or "none yet"
    raise UnknownIssue(f"there is no issue {slug_or_id!r}", file="content/issues", fix=f"the issues are: {known}")


def new_issue(project: Path, title: str, on: date) -> Path:
    """Create `content/issues/<on>-<slug>.md` with complete front matter. Never overwrites."""
    title = " ".join(title.split())
    if not title:
        raise SourceError("an issue needs a title", file="content/issues", fix='say it: broadsheet new "A title"')
    path = project / "content" / "issues" / f"{on.isoformat()}-{slug_for(title)}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    # A JSON string is a YAML string, whatever quotes and colons the title holds.
    quoted = json.dumps(title, ensure_ascii=False)
    text = _NEW.format(identity=f"{on:%Y%m%d}-{secrets.token_hex(4)}", title=quoted)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        name = path.relative_to(project).as_posix()
        raise SourceError("there is such an issue already", file=name, fix="choose another title or date") from None
    return path


def slug_for(title: str) -> str:
    """A title as part of a file name: ASCII letters and digits with hyphens between, at most 60 characters."""
    plain = unicodedata.normalize("NFKD", title.replace("'", "").replace("’", "")).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    return slug[:60].rstrip("-") or "issue"


def issue_of(sheet: Sheet, slug: str, published_on: date | None = None) -> Issue:
    """The Issue a sheet holds; steps of sequences have the same form."""
    return Issue(
        id=sheet.identity(),
        slug=slug,
        file=sheet.file,
        title=sheet.string("title"),
        subject=_by_plan(sheet, "subject"),
        preview=_by_plan(sheet, "preview"),
        audience=sheet.string("audience", "everyone") or "everyone",
        body=sheet.body,
        body_line=sheet.body_line,
        published_on=published_on,
        audio=_audio(sheet),
        comments=sheet.url("comments"),
        late=late_of(sheet),
        local_hour=_yes(sheet, "local_hour"),
        language=_language(sheet),
        silence=sheet.strings("silence"),
        lines=sheet.lines,
    )


def _read(project: Path, path: Path) -> Issue:
    sheet = Sheet.read(project, path, ISSUE_KEYS)
    dated = _DATED.fullmatch(path.stem)
    if dated is None:
        return issue_of(sheet, path.stem)
    published_on = day(dated[1])
    if published_on is None:
        raise SourceError(f"{dated[1]} is no date", file=sheet.file, fix="rename the file")
    return issue_of(sheet, dated[2], published_on)


def _by_plan(sheet: Sheet, key: str) -> dict[Plan, str]:
    """One string for both plans, or one for each; empty where there is none, which the preflight reports."""
    if isinstance(sheet.values.get(key, ""), str):
        words = sheet.string(key, "")
        return dict.fromkeys(Plan, words)
    table = sheet.table(key, _PLANS)
    if missing := sorted(_PLANS - set(table)):
        raise sheet.wrong(key, f"lacks {missing[0]}", f'write {key}: {{free: "...", paid: "..."}}')
    for words in table.values():
        if "\n" in words.strip():
            raise sheet.wrong(key, "must stand on one line", "take the line break out")
    return {plan: table[plan.value].strip() for plan in Plan}


def _audio(sheet: Sheet) -> Audio | None:
    table = sheet.table("audio", _AUDIO_KEYS)
    if not table:
        return None
    fix = "write audio: {url: https://..., minutes: 7}"
    if not table.get("url"):
        raise sheet.wrong("audio", "lacks url", fix)
    minutes = table.get("minutes", "")
    if not re.fullmatch(r"[1-9]\d{0,3}", minutes):
        raise sheet.wrong("audio", f"has no whole number of minutes: {minutes!r}", fix)
    for name, url in table.items():
        if name != "minutes" and url and not url.startswith("https://"):
            raise sheet.wrong("audio", f"has a {name} that is no https address: {url!r}", fix)
    return Audio(minutes=int(minutes), **{name: url for name, url in table.items() if name != "minutes"})


def _language(sheet: Sheet) -> str:
    written = sheet.string("language", "")
    if written and not is_language(written):
        raise sheet.wrong("language", f"is no language tag: {written!r}", "write language: ar, or language: pt-BR")
    return written


def _yes(sheet: Sheet, key: str) -> bool:
    written = sheet.string(key, "false")
    if written not in ("true", "false"):
        raise sheet.wrong(key, f"is neither true nor false: {written!r}", f"write {key}: true, or leave it away")
    return written == "true"


def _paths(project: Path) -> Iterator[Path]:
    folder = project / "content" / "issues"
    yield from sorted(path for path in folder.glob("*.md") if not path.name.startswith((".", "_")))


def _slug_of(path: Path) -> str:
    dated = _DATED.fullmatch(path.stem)
    return dated[2] if dated else path.stem


def _refuse_twins(issues: list[Issue]) -> None:
    seen: dict[str, Issue] = {}
    for issue in issues:
        if twin := seen.get(issue.id):
            fix = "give one of them an id of its own, the one that has not been sent"
            raise SourceError(f"id {issue.id!r} is also in {twin.file}", file=issue.file, line=1, fix=fix)
        seen[issue.id] = issue


_NEW = """\
---
id: {identity}
title: {title}
subject: {title}
preview: ""
audience: everyone
comments: ""
---

Hello {{first_name|there}},

"""
