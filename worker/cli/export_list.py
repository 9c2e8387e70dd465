"""The list goes out: `subscribers export`. How it comes in is in worker/cli/list_subscribers.py."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TextColumn

from worker.cli.list_subscribers import subscribers
from worker.cli.shape import HERE, Project, err, open_context, say
from worker.errors import UsageError
from worker.store.segments import audience_rule
from worker.usecases.export_subscribers import export_subscribers, whole_file


@subscribers.command("export", short_help="Write the whole list to a file.")
def export_list(
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="CSV; JSON Lines where it ends in .jsonl; - is standard output."),
    ],
    segment: Annotated[
        str, typer.Option("--segment", metavar="NAME", help="Only everyone, paid, free, or a segment of yours.")
    ] = "",
    json_lines: Annotated[bool, typer.Option("--json-lines", help="JSON Lines, whatever the file is called.")] = False,
    project: Project = HERE,
) -> None:
    """Write everything that is known of everybody, to keep or to import elsewhere.

    It holds personal data and who must not be mailed: keep it as safe as the list itself.
    """
    context = open_context(project)
    rule = audience_rule(segment, context.publication) if segment else None
    as_lines, now = json_lines or out.suffix.casefold() in (".jsonl", ".ndjson"), datetime.now(UTC)
    if str(out) == "-":
        export_subscribers(context.engine, sys.stdout, as_lines, now, rule)
        return
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", fix="make it, or name another")
    if out.exists() and not out.is_file():  # the file takes its name's place when it is whole: never a device's
        raise UsageError(f"{out} is no file", fix="name one; --out - is standard output")
    with (
        Progress(TextColumn("exporting {task.completed:,} rows"), console=err, transient=True) as bar,
        whole_file(out) as file,
    ):
        task = bar.add_task("export", total=None)
        rows = export_subscribers(
            context.engine, file, as_lines, now, rule, on_progress=lambda done: bar.update(task, completed=done)
        )
    say(f"{rows:,} rows are in {out}.")
