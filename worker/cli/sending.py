"""Sending: test mails, and the broadcast itself after a look at whom it will reach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from worker import sources
from worker.cli.authoring import find_problems, print_problems
from worker.cli.shape import (
    HERE,
    AsJson,
    Project,
    agree,
    app,
    err,
    local,
    offer,
    open_context,
    out,
    print_json,
    say,
    show,
    table,
    tell_queue_is_away,
)
from worker.cli.watching import by_moment, print_hours, reasons, staging_words, warm_up_words
from worker.context import Context
from worker.domain.calendar import oddity
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.domain.subscriber import Plan
from worker.errors import BroadsheetError, UsageError
from worker.render.preflight import Severity
from worker.store.engine import reading
from worker.store.ledger.mailings import find_mailing
from worker.usecases.due import Due
from worker.usecases.foresee_pace import warm_up_days
from worker.usecases.overview import overview
from worker.usecases.schedule_broadcast import (
    Hour,
    broadcast_key,
    odd_hours,
    preview_audience,
    preview_hours,
    read_hour,
    schedule_broadcast,
)
from worker.usecases.send_test import send_test

SHOWN_ODDITIES = 5


@app.command(short_help="Send each edition as [TEST] mail to yourself.")
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
    if not offer(context, due):
        tell_queue_is_away()
    if as_json:
        print_json({"mailings": [one.mailing_id for one in due]})
    else:
        what = f"the {plans[0]} edition" if edition else "both editions"
        say(f"On its way as [TEST] mail: {what} of {issue.slug}.")


@app.command(short_help="Show whom an issue will reach, ask, and send it.")
def send(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id.")],
    at: Annotated[
        str, typer.Option("--at", help='"monday 07:00", "07:00" or "2026-11-30 07:00"; now if left away.')
    ] = "",
    segment: Annotated[str, typer.Option("--segment", help="Instead of the issue's own audience.")] = "",
    local_hour: Annotated[
        bool | None,
        typer.Option(
            "--local/--no-local",
            help="At that hour where each reader lives, as far as their zone is known; else as the issue says.",
            show_default=False,
        ),
    ] = None,
    no_stage: Annotated[
        bool, typer.Option("--no-stage", help="Hand nothing over before the hour; what has gone cannot be taken back.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Show whom an issue will reach and when; ask; then plan and enqueue it. Each issue is broadcast once."""
    context = open_context(project)
    settings, publication = context.settings, context.publication
    now = datetime.now(UTC)
    issue = sources.read_issue(settings.project, slug)
    hour = read_hour(at or None, publication.slot.zone, now)
    by_zone = issue.local_hour if local_hour is None else local_hour
    if by_zone and not at:
        what = "--local" if local_hour else f"{issue.file} says local_hour, which"
        raise UsageError(f"{what} needs an hour", fix='say which: --at "monday 07:00"; or --no-local')
    _refuse_second(context, issue, slug)
    chosen = segment or issue.audience
    hours = preview_hours(context.engine, publication, chosen, hour) if by_zone else {}
    problems = find_problems(context, issue, at=max([hour.at, *hours]))
    if problems:
        print_problems(problems, err if as_json else out)
    if any(one.severity is Severity.ERROR for one in problems):
        raise BroadsheetError(
            f"{issue.file} has errors and cannot be sent", fix=f"mend them; `broadsheet check {slug}` looks again"
        )
    audience = preview_audience(context.engine, publication, chosen, hour.at)
    total = sum(parts.get("audience", 0) for parts in audience.values())
    days = warm_up_days(context.engine, publication, total, hour.at)
    _tell_oddities(context, publication, chosen, hour, by_zone)
    if not as_json:
        _show(issue.title, chosen, audience, total, "now" if not at else local(hour.at, hour.zone))
        if hours:
            print_hours(hours, hour.zone)
        if days:
            say(warm_up_words(days))
    if not total:
        raise BroadsheetError(
            f"nobody would get it: the audience {chosen!r} holds no subscriber who may be mailed",
            fix="import subscribers, or choose another audience with --segment",
        )
    agree(yes, f"Send to {total:,} {'reader' if total == 1 else 'readers'}?", "Nothing was sent.")
    mailing_id = schedule_broadcast(
        context.engine,
        issue,
        publication,
        segment=chosen,
        hour=hour,
        batch_size=settings.batch_size,
        now=now,
        staging=context.pace if settings.staging and not no_stage else None,
        local_hour=by_zone,
    )
    if mailing_id is None:  # somebody was faster
        raise _second(issue, slug)
    mailing = overview(context.engine, mailing_id).mailing
    if not at and not offer(context, [Due("plan_mailing", mailing_id, mailing.rules.queue)]):
        tell_queue_is_away()
    if as_json:
        print_json(
            {
                "mailing": mailing_id,
                "key": mailing.key,
                "send_at": mailing.send_at,
                "stage_at": mailing.stage_at,
                "audience": audience,
                "local_hour": mailing.local_hour,
                "hours": by_moment(hours),
                "warm_up_days": days,
            }
        )
    else:
        if words := staging_words(mailing):
            say(f"It is {words}.")
        say(f"Scheduled as mailing {mailing_id}. `broadsheet status {slug} --watch` shows it go.")


def _tell_oddities(context: Context, publication: Publication, segment: str, hour: Hour, by_zone: bool) -> None:
    """Say it where clocks are changed over the hour: that it does not exist, or comes twice."""
    if by_zone:
        found = odd_hours(context.engine, publication, segment, hour)
    else:
        found = [odd] if (odd := oddity(hour.wall, hour.zone)) else []
    for odd in found[:SHOWN_ODDITIES]:
        say(odd, console=err)
    if more := found[SHOWN_ODDITIES:]:
        say(f"and so in {len(more)} zones more", console=err)


def _refuse_second(context: Context, issue: Issue, slug: str) -> None:
    with reading(context.engine) as connection:
        if find_mailing(connection, broadcast_key(issue)) is not None:
            raise _second(issue, slug)


def _second(issue: Issue, slug: str) -> UsageError:
    return UsageError(
        f"{issue.file} was sent or scheduled before; an issue is broadcast once",
        fix=f"`broadsheet status {slug}` shows how it stands; what is new needs a new issue with an id of its own",
    )


def _show(title: str, audience_name: str, audience: dict[str, dict[str, int]], total: int, when: str) -> None:
    say((title, "bold"), f"  to {audience_name}, {when}")
    made = table("edition", "#readers", "left out")
    for plan, parts in sorted(audience.items()):
        made.add_row(
            plan, f"{parts.get('audience', 0):,}", reasons({k: n for k, n in parts.items() if k != "audience"})
        )
    made.add_row("all", f"{total:,}", "")
    show(made)
