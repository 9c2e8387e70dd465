"""Suppressions: keeping ours and SendGrid's together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from worker.cli.shape import HERE, AsJson, Project, app, err, open_context, print_json, say, show, table
from worker.usecases.sync_suppressions import PULLED, Synced, sync_suppressions

suppressions = typer.Typer(help="Addresses that must not be mailed.", no_args_is_help=True)
app.add_typer(suppressions, name="suppressions")


@suppressions.callback()
def group() -> None:
    """Addresses that must not be mailed."""


@suppressions.command("sync", short_help="Read SendGrid's suppression lists, and tell it who opted out here.")
def sync(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Read SendGrid's lists of bounces, invalid addresses, spam reports and unsubscribes; tell it who opted out here.

    The clock does the same once a day. Blocks are not read: they say nothing about an address.
    """
    context = open_context(project)
    synced = sync_suppressions(context.engine, context.lists, datetime.now(UTC), dry_run=dry_run)
    if as_json:
        print_json({**{name: getattr(synced, name) for name in Synced.__dataclass_fields__}, "dry_run": dry_run})
    else:
        _show(synced, dry_run)
    if synced.problem or synced.refused:
        raise typer.Exit(1)


def _show(synced: Synced, dry_run: bool) -> None:
    made = table("!list", "#rows read", "#newly suppressed")
    for name in PULLED:
        made.add_row(name.value, f"{synced.read[name]:,}", f"{synced.new[name]:,}")
    show(made)
    if synced.came_back:
        say(f"{synced.came_back:,} rows are older than the reader's own consent; they are left alone.")
    if synced.unusable:
        say(f"{synced.unusable:,} rows say nothing about an address; they are left alone.")
    say(f"{synced.pushed:,} opt-outs {'would be' if dry_run else 'were'} told to SendGrid.")
    if synced.refused:
        say(f"SendGrid refused {synced.refused:,} of them; they are tried again another day.", console=err)
    if synced.problem:
        say(f"Not finished: {synced.problem}. Run it again; it goes on where it was.", console=err)
