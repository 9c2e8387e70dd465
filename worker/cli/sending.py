"""Sending: test mails, and the broadcast itself after a look at whom it will reach."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from worker import sources
from worker.cli.authoring import find_problems, print_problems
from worker.cli.shape import HERE, AsJson, Project, app, err, local, offer, open_context, out, print_json, table
from worker.domain.subscriber import Plan
from worker.errors import UsageError
from worker.render.preflight import Severity
from worker.usecases.due import Due
from worker.usecases.overview import overview
from worker.usecases.schedule_broadcast import broadcast_key, preview_audience, read_hour, schedule_broadcast
from worker.usecases.send_test import send_test


@app.command()
def test(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id.")],
    to: Annotated[str, typer.Option("--to", help="Where the test goes.")],
    as_address: Annotated[str, typer.Option("--as", help="Take this subscriber's merge values.")] = "",
    edition: Annotated[Plan | None, typer.Option("--edition", help="Only this edition; both otherwise.")] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Send each edition as [TEST] mail. Its unsubscribe links work for nobody."""
    context = open_context(project)
    issue = sources.read_issue(context.settings.project, slug)
    plans = [edition] if edition else list(Plan)
    due = send_test(context.engine, issue, to=to, as_address=as_address or None, plans=plans, now=datetime.now(UTC))
    offer(context, due)
    if as_json:
        print_json({"mailings": [one.mailing_id for one in due]})
    else:
        out.print(f"On its way: {', '.join(plans)} edition of {issue.slug} as [TEST] mail.", markup=False)


@app.command()
def send(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id.")],
    at: Annotated[
        str, typer.Option("--at", help='"monday 07:00", "07:00" or "2026-11-30 07:00"; now if left away.')
    ] = "",
    segment: Annotated[str, typer.Option("--segment", help="Instead of the issue's own audience.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Show whom an issue will reach and when; ask; then plan and enqueue it. Each issue is broadcast once."""
    context = open_context(project)
    settings, publication = context.settings, context.publication
    now = datetime.now(UTC)
    issue = sources.read_issue(settings.project, slug)
    problems = find_problems(context, issue)
    if problems and not as_json:
        print_problems(problems)
    if any(one.severity is Severity.ERROR for one in problems):
        raise UsageError(
            f"{issue.file} has errors and cannot be sent", fix=f"mend them; `broadsheet check {slug}` looks again"
        )
    chosen = segment or issue.audience
    hour = read_hour(at or None, publication.slot.zone, now)
    audience = preview_audience(context.engine, publication, chosen)
    total = sum(parts.get("audience", 0) for parts in audience.values())
    if not as_json:
        _show(issue.title, chosen, audience, total, "now" if not at else local(hour.at, hour.zone))
    if not total:
        raise UsageError(f"nobody would get it: the segment {chosen!r} has no subscriber who may be mailed")
    _agree(yes, total)
    mailing_id = schedule_broadcast(
        context.engine, issue, publication, segment=chosen, hour=hour, batch_size=settings.batch_size, now=now
    )
    if mailing_id is None:
        raise UsageError(
            f"{broadcast_key(issue)} was scheduled before; an issue is broadcast once",
            fix=f"`broadsheet status {slug}` shows how it stands",
        )
    mailing = overview(context.engine, mailing_id).mailing
    if not at:
        offer(context, [Due("plan_mailing", mailing_id, mailing.rules.queue)])
    if as_json:
        print_json({"mailing": mailing_id, "key": mailing.key, "send_at": hour.at, "audience": audience})
    else:
        out.print(f"Scheduled as mailing {mailing_id}. `broadsheet status {slug} --watch` shows it go.")


def _agree(yes: bool, total: int) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to ask", fix="add --yes to send without asking")
    if not typer.confirm(f"Send to {total:,} readers?"):
        err.print("Nothing was sent.")
        raise typer.Exit(1)


def _show(title: str, segment: str, audience: dict[str, dict[str, int]], total: int, when: str) -> None:
    out.print(f"[bold]{title}[/]  to {segment}, {when}")
    made = table("edition", "#readers", "left out")
    for plan, parts in sorted(audience.items()):
        left = ", ".join(f"{reason} {number:,}" for reason, number in sorted(parts.items()) if reason != "audience")
        made.add_row(plan, f"{parts.get('audience', 0):,}", left)
    made.add_row("all", f"{total:,}", "")
    out.print(made)
