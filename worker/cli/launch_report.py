"""The report of a launch: bars and tables on a screen, JSON, or a page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.launches import LaunchId, find_launch, launches
from worker.cli.shape import HERE, AsJson, Project, open_context, print_json, say, show, table
from worker.domain.calendar import wall_time
from worker.domain.launch import Launch
from worker.domain.launch_report import LaunchReport, People
from worker.errors import UsageError
from worker.render.launch_page import launch_page
from worker.usecases.report_launch import report_launch

BAR = 24  # blocks of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉"


@launches.command("report", short_help="What came of a launch: announced, clicked, applied.")
def report(
    launch_id: LaunchId,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with charts.")] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Announced, clicked and applied: by mail and plan, by segment, by day, and how they converted."""
    context = open_context(project)
    launch = find_launch(context, launch_id)
    now = datetime.now(UTC)
    clicks = context.settings.count_clicks
    found = report_launch(context.engine, launch, context.publication, now, counts_clicks=clicks)
    if html is not None:
        page = launch_page(launch, found, wall_time(now, launch.zone), context.publication.name)
        try:
            html.write_text(page, encoding="utf-8")
        except OSError as wrong:
            raise UsageError(
                f"{html} cannot be written: {wrong.strerror}", fix="name a file in a folder of yours"
            ) from None
    if as_json:
        print_json(as_plain(launch, found))
    elif html is not None:
        say(f"Written to {html}.")
    else:
        _print(launch, found)


def as_plain(launch: Launch, found: LaunchReport) -> dict[str, Any]:
    """The report as plain JSON values."""
    return {
        "launch": launch.id,
        "counts_clicks": found.counts_clicks,
        "people": asdict(found.people),
        "by_plan": {plan.value: asdict(one) for plan, one in found.by_plan.items()},
        "by_segment": {name: asdict(one) for name, one in found.by_segment.items()},
        "how": dict(found.how),
        "mails": [asdict(row) for row in found.rows],
        "unprompted": found.unprompted,
        "muted": found.muted,
        "excluded": {step: dict(reasons) for step, reasons in found.excluded.items()},
        "days": {day.isoformat(): number for day, number in found.days},
    }


def bar(value: int, most: int, width: int = BAR) -> str:
    """A bar of blocks, to an eighth of one; whoever is there at all is seen."""
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(value * width * 8 / most))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _print(launch: Launch, found: LaunchReport) -> None:
    people = found.people
    say(
        (launch.name, "bold"),
        f"  {people.announced:,} announced, {_clicks(found, people.clicked)} clicked, {people.applied:,} applied",
    )
    if found.rows:
        most = max(row.announced for row in found.rows)
        made = table("mail", "plan", "#owed", "#announced", "!", "#skipped", "#clicked", "#applied")
        for row in found.rows:
            counts = (f"{row.skipped:,}", _clicks(found, row.clicked), f"{row.applied:,}")
            made.add_row(row.name, row.plan, f"{row.owed:,}", f"{row.announced:,}", bar(row.announced, most), *counts)
        show(made)
    else:
        say("No mail of this launch has been planned yet.")
    for step, reasons in sorted(found.excluded.items()):
        said = ", ".join(f"{reason} {number:,}" for reason, number in sorted(reasons.items()))
        say(f"left out of {step} at planning: {said}")
    _print_people(found)
    if found.how:
        said = ", ".join(f"{how} {number:,}" for how, number in sorted(found.how.items()))
        say(f"Applied by: {said}; {found.unprompted:,} before any mail of it reached them.")
    if found.days:
        most = max(number for _, number in found.days)
        made = table("day", "#applied", "!")
        for day, number in found.days:
            made.add_row(day.isoformat(), f"{number:,}", bar(number, most))
        show(made)
    clicks = "Clicks are not counted (COUNT_CLICKS)."
    if found.counts_clicks:
        clicks = "Clicks are the provider's, scanners' among them; the apply link is not counted."
    say(f"{found.muted:,} want to hear no more of it. {clicks}")


def _clicks(found: LaunchReport, number: int) -> str:
    return f"{number:,}" if found.counts_clicks else "–"


def _print_people(found: LaunchReport) -> None:
    groups: list[tuple[str, People]] = [("everybody", found.people)]
    groups += [(f"{plan.value} now", one) for plan, one in found.by_plan.items()]
    groups += [(f"segment {name}", one) for name, one in found.by_segment.items()]
    made = table("readers", "#announced", "#clicked", "#applied", "!")
    most = max(one.applied for _, one in groups)
    for name, one in groups:
        made.add_row(
            name, f"{one.announced:,}", _clicks(found, one.clicked), f"{one.applied:,}", bar(one.applied, most)
        )
    show(made)
