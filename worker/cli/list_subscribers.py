"""The list: importing subscribers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TextColumn

from worker.cli.shape import HERE, AsJson, Project, app, err, open_context, print_json, say
from worker.errors import UsageError
from worker.usecases.import_subscribers import import_subscribers

subscribers = typer.Typer(help="The list of subscribers.", no_args_is_help=True)
app.add_typer(subscribers, name="subscribers")


@subscribers.command("import")
def import_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV with at least a column `address` or `email`.")],
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Import subscribers. Nobody who left, bounced or complained is brought back."""
    context = open_context(project)
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    with Progress(TextColumn("importing"), TextColumn("{task.completed:,} rows"), console=err, disable=as_json) as bar:
        task = bar.add_task("import", total=None)
        report = import_subscribers(
            context.engine, file, datetime.now(UTC), on_progress=lambda rows: bar.update(task, completed=rows)
        )
    if as_json:
        refused = [{"line": row.line, "reason": row.reason} for row in report.refused]
        numbers = {name: getattr(report, name) for name in ("added", "changed", "unchanged", "kept_back", "suppressed")}
        print_json({**numbers, "refused": refused})
    else:
        say(
            f"added {report.added:,}, changed {report.changed:,}, unchanged {report.unchanged:,}, "
            f"kept back {report.kept_back:,}, refused {len(report.refused):,}"
        )
        for row in report.refused[:20]:
            say(f"  {file.name}:{row.line}: {row.reason}", console=err)
    if report.refused:
        raise typer.Exit(1)
