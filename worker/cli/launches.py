"""Launches: what is open, how one stands, who converted by a file, and who did at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from worker import sources
from worker.cli.list_deliveries import write_csv
from worker.cli.shape import HERE, AsJson, Project, app, err, local, open_context, print_json, say, show, table
from worker.context import Context
from worker.domain.launch import Launch
from worker.errors import SourceError, UsageError
from worker.store.engine import reading, reading_steadily
from worker.store.launch_report import stream_applicants
from worker.store.launches import count_converted, count_muted
from worker.store.ledger.mailings import mailings_of_launch
from worker.usecases.convert_from_file import Applicants, convert_from_file
from worker.usecases.note_launches import note_launches

launches = typer.Typer(help="What opens and closes: how it stands, who applied, what came of it.", no_args_is_help=True)
app.add_typer(launches, name="launches")

SHOWN = 20  # mailings, the newest of them

LaunchId = Annotated[str, typer.Argument(metavar="ID", help="The launch's id, or its file's name.")]


@launches.callback()
def group() -> None:
    """What opens and closes: how it stands, who applied, what came of it."""


@launches.command("list", short_help="Every launch, with who converted.")
def list_launches(project: Project = HERE, as_json: AsJson = False) -> None:
    """Every launch of content/launches/, the one that opens first on top."""
    context = open_context(project)
    readable, broken = _read(context)
    found = sorted(readable.values(), key=lambda one: (one.opens_at, one.id))
    rows = [_standing(context, one) for one in found]
    if as_json:
        print_json(rows)
    elif rows:
        _show_list(rows)
    elif not broken:
        say("There is no launch yet. docs/launches.md shows how to write one.")
    for wrong in broken:
        say(("cannot be read", "red"), f" {wrong.what}\n  fix: {wrong.fix}", console=err)
    if broken:
        raise typer.Exit(1)


def _show_list(rows: Sequence[Mapping[str, Any]]) -> None:
    made = table("launch", "!state", "!opens", "!closes", "#converted", "#muted")
    for one in rows:
        made.add_row(
            one["id"],
            one["state"],
            local(one["opens_at"], one["zone"]),
            local(one["closes_at"], one["zone"]),
            f"{one['converted']:,}",
            f"{one['muted']:,}",
        )
    show(made)


@launches.command("show", short_help="One launch: its dates, its mails, what converts to it.")
def show_launch(launch_id: LaunchId, project: Project = HERE, as_json: AsJson = False) -> None:
    """What its file says, how far it is, and the mails it has had so far."""
    context = open_context(project)
    launch = find_launch(context, launch_id)
    standing = _standing(context, launch)
    with reading(context.engine) as connection:
        mailings = mailings_of_launch(connection, launch.id)
    hook = bool(context.settings.hook_secrets(launch.id))
    if as_json:
        mails = [
            {"id": one.id, "key": one.key, "status": one.status, "send_at": one.send_at, "audience": one.audience}
            for one in mailings
        ]
        print_json(standing | {"signed_calls": hook, "mailings": mails})
        return
    say((launch.name, "bold"), f"  {standing['state']}, audience {launch.audience}, sequence {launch.sequence}")
    say(f"Opens {local(launch.opens_at, launch.zone)}, closes {local(launch.closes_at, launch.zone)}.")
    say(f"The apply page leads on to {launch.leads_to}")
    ways = ["the button", "a file"]
    ways += [f"the tag {launch.converted_by}"] if launch.converted_by else []
    ways += ["signed calls"] if hook else []
    say(f"Converted by {', '.join(ways)}: {standing['converted']:,}. Muted: {standing['muted']:,}.")
    made = table("#id", "mailing", "!status", "!hour", "#audience")
    for one in mailings[-SHOWN:]:
        made.add_row(str(one.id), one.key, one.status, local(one.send_at, launch.zone), f"{one.audience:,}")
    if mailings:
        show(made)
        if len(mailings) > SHOWN:
            say(f"and {len(mailings) - SHOWN:,} earlier ones", console=err)
    else:
        say("None of its mails has been planned yet.")


@launches.command("convert", short_help="Convert everybody in a CSV of applicants.")
def convert(
    launch_id: LaunchId,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="As a form or a shop exports it.")],
    column: Annotated[str, typer.Option("--column", help="Which column holds the addresses, if it is not email.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of it, and write nothing.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Convert every subscriber in the file; they get no more of this launch. Reading it again changes nothing."""
    context = open_context(project)
    launch = find_launch(context, launch_id)
    seen = convert_from_file(context.engine, launch.id, file, datetime.now(UTC), column=column, dry_run=dry_run)
    if as_json:
        print_json(asdict(seen) | {"launch": launch.id, "dry_run": dry_run})
    else:
        _tell(launch, seen, dry_run)
    if seen.bad:
        raise typer.Exit(1)


@launches.command("applicants", short_help="Everybody who converted, as CSV.")
def applicants(launch_id: LaunchId, project: Project = HERE) -> None:
    """Everybody who converted, as CSV on standard output: address, name, plan, how and when. Safe for spreadsheets."""
    context = open_context(project)
    launch = find_launch(context, launch_id)
    with reading_steadily(context.engine) as connection:
        write_csv(("address", "name", "plan", "how", "converted_at"), stream_applicants(connection, launch.id))


def find_launch(context: Context, words: str) -> Launch:
    """The launch with this id or file name, as its file says now. Raises UsageError, listing those there are, or SourceError
    where it may be in a file that cannot be read."""
    found, broken = _read(context)
    for one in found.values():
        if words in (one.id, one.slug, Path(one.file).name):
            return one
    for wrong in broken:
        raise wrong  # it may be the one that is meant
    known = ", ".join(sorted(found)) or "none yet"
    raise UsageError(f"there is no launch {words!r}", fix=f"content/launches/ holds: {known}")


def _read(context: Context) -> tuple[dict[str, Launch], list[SourceError]]:
    """The launches, noted as the clock does, so that a tag written just now counts here too; and what cannot be read."""
    found, broken = sources.read_readable_launches(context.settings.project)
    note_launches(context.engine, found.values())
    return found, broken


def _standing(context: Context, launch: Launch) -> dict[str, Any]:
    now = datetime.now(UTC)
    with reading(context.engine) as connection:
        converted, muted = count_converted(connection, launch.id), count_muted(connection, launch.id)
    return {
        "id": launch.id,
        "name": launch.name,
        "state": "early" if now < launch.opens_at else "open" if now < launch.closes_at else "closed",
        "opens_at": launch.opens_at,
        "closes_at": launch.closes_at,
        "zone": launch.zone,
        "audience": launch.audience,
        "sequence": launch.sequence,
        "leads_to": launch.leads_to,
        "converted_by": launch.converted_by,
        "converted": converted,
        "muted": muted,
    }


def _tell(launch: Launch, seen: Applicants, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    say(f"{seen.rows:,} rows of {launch.name}, addresses from the column {seen.column}:")
    say(f"  {seen.converted:,} {would}converted, {seen.already:,} had converted before or stand there twice,")
    say(f"  {seen.unknown:,} are nobody's who reads you, {seen.bad:,} cannot be used.")
    if seen.unknown_lines:
        say(f"Not on the list: {_lines(seen.unknown_lines, seen.unknown)}.")
    for line, why in seen.bad_lines:
        say(f"line {line}: {why}", console=err)
    if seen.bad > len(seen.bad_lines):
        say(f"and {seen.bad - len(seen.bad_lines):,} lines more", console=err)


def _lines(lines: list[int], total: int) -> str:
    shown = ", ".join(str(line) for line in lines[:20])
    more = total - min(total, 20)
    return f"line{'s' if total > 1 else ''} {shown}" + (f" and {more:,} more" if more else "")
