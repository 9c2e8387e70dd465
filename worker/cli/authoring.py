"""Writing: a new issue, a look at what it renders to, and the copy editor's findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from worker import sources
from worker.cli.shape import HERE, AsJson, Project, app, open_context, out, print_json, say, show, table
from worker.context import Context
from worker.domain.calendar import YEARS, wall_time
from worker.domain.delivery import Recipient
from worker.domain.issue import Issue
from worker.errors import SourceError, UsageError
from worker.render.links import Signer
from worker.render.preflight import Finding, Severity
from worker.usecases import find_problems as preflight
from worker.usecases.look_at_text import find_reader
from worker.usecases.prepare_mailing import gather_facts
from worker.usecases.render_files import SAMPLE, render_files


@app.command(short_help="A new issue: a dated file with its front matter.")
def new(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The issue's title.")],
    on: Annotated[
        str, typer.Option("--on", metavar="DATE", help="Its day, such as 2026-11-30; today if left away.")
    ] = "",
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Create a dated issue file with complete front matter."""
    context = open_context(project, database=False)
    today = wall_time(datetime.now(UTC), context.publication.slot.zone).date()
    try:
        day = date.fromisoformat(on) if on else today
    except ValueError:
        raise UsageError(f"--on: {on!r} is no date", fix="write it like 2026-11-30") from None
    if day.year not in YEARS:
        raise UsageError(f"--on: {on} is out of all reach", fix="write it like 2026-11-30")
    path = sources.new_issue(context.settings.project, title, day)
    if as_json:
        print_json({"file": path})
    else:
        out.print(str(path), soft_wrap=True)


@app.command(short_help="Write each edition to files, to look at.")
def render(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id.")],
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")],
    as_address: Annotated[str, typer.Option("--as", help="This subscriber's merge values instead of a sample's.")] = "",
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Write each edition as .html, .txt, .mjml and .json, with sample merge values or a subscriber's."""
    context = open_context(project)
    settings = context.settings
    issue = sources.read_issue(settings.project, slug)
    recipient = _subscriber(context, as_address) if as_address else SAMPLE
    # Looking at an issue needs no secret: these links are for nobody unless --as names a reader.
    secrets = settings.signing_secrets or ("only for looking, these links open nothing",)
    written = render_files(
        issue,
        context.publication,
        context.templates,
        gather_facts(
            context.engine,
            settings.project,
            issue,
            context.templates,
            base_url=settings.base_url,
            now=datetime.now(UTC),
        ),
        signer=Signer(*secrets),
        recipient=recipient,
        folder=folder,
    )
    if as_json:
        print_json(written)
        return
    made = table("edition", "subject", "#html", "#text")
    for one in written:
        made.add_row(one["edition"], one["subject"], f"{one['html_bytes']:,} B", f"{one['text_bytes']:,} B")
    show(made)


@app.command(short_help="Look for errors and warnings before anything is sent.")
def check(
    slug: Annotated[
        str, typer.Argument(metavar="[SLUG]", help="Left away: every issue, step, notice and launch.")
    ] = "",
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Preflight: errors block sending, warnings do not."""
    context = open_context(project)
    root = context.settings.project
    texts = [(sources.read_issue(root, slug), "issue")] if slug else list(_every_text(root))
    problems = [] if slug else list(_launches(root))
    problems += [found for text, message in texts for found in find_problems(context, text, message)]
    if as_json:
        print_json([asdict(one) for one in problems])
    else:
        print_problems(problems)
        if not problems:
            out.print(f"{len(texts)} checked, nothing to mend.")
    if any(one.severity is Severity.ERROR for one in problems):
        raise typer.Exit(1)


def find_problems(context: Context, text: Issue, message: str = "issue", at: datetime | None = None) -> list[Finding]:
    """Preflight's findings for one text, errors first; `at` is when it reaches its last reader, now if left away."""
    settings = context.settings
    templates, now = context.templates, at or datetime.now(UTC)
    facts = gather_facts(context.engine, settings.project, text, templates, base_url=settings.base_url, now=now)
    return preflight.find_problems(
        context.engine, text, context.publication, templates, facts, message, context.editions
    )


def print_problems(problems: Iterable[Finding], console: Console = out) -> None:
    """Each finding with its place, why it matters, and the fix."""
    for one in problems:
        colour = "red" if one.severity is Severity.ERROR else "yellow"
        place = f"{one.file}:{one.line}" if one.line else one.file
        say((one.severity.value, f"bold {colour}"), f" {place}: {one.problem} [{one.rule}]", console=console)
        say(f"  why: {one.why}", console=console)
        say(f"  fix: {one.fix}", console=console)


def _every_text(root: Path) -> Iterable[tuple[Issue, str]]:
    for issue in sources.list_issues(root):
        yield issue, "issue"
    for folder in sorted((root / "content" / "sequences").glob("*/")):
        for step in sources.read_steps(root, folder.name):
            yield step.text, "step"
    for name in sources.list_notices(root):
        yield sources.read_notice(root, name), name


def _launches(root: Path) -> Iterable[Finding]:
    """What is wrong with the launches' files."""
    launches, broken = sources.read_readable_launches(root)
    for launch in launches.values():
        try:
            sources.refuse_audience(root, launch, list(sources.read_publication(root).audiences))
        except SourceError as wrong:
            broken.append(wrong)
    why = "it waits, and readers are told nothing of it"
    for one in broken:
        yield Finding(one.file, one.line, "launch", Severity.ERROR, one.problem, why, one.fix)


def _subscriber(context: Context, address: str) -> Recipient:
    try:
        found = find_reader(context.engine, address)
    except ValueError as wrong:
        raise UsageError(f"--as: {wrong}") from None
    if found is None:
        raise UsageError("--as: no subscriber has this address", fix="give the address of a subscriber")
    context.settings.require("secret_key")
    return found[1]
