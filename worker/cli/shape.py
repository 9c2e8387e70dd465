"""What every command shares: the app, the options --project and --json, and how a context and a table come about."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from worker.config import load_settings
from worker.context import Context
from worker.domain.calendar import wall_time
from worker.errors import BroadsheetError, UsageError
from worker.queue.connection import JobQueue
from worker.queue.hints import enqueue_hints, fresh_window
from worker.store.schema import migrate, require_current
from worker.usecases.due import Due

app = typer.Typer(
    name="broadsheet",
    help="Broadsheet: an issue in Markdown becomes a free and a paid edition, and reaches each reader once.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Project = Annotated[
    Path,
    typer.Option("--project", metavar="DIR", help="Where content/, emails/ and .env are.", envvar="BROADSHEET_PROJECT"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of a table.")]

HERE = Path()
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def open_context(project: Path, *, database: bool = True) -> Context:
    """The context of a project; with `database`, its schema is checked, and a SQLite file is made where there is none."""
    if not (project / "content").is_dir():
        raise UsageError(
            f"{project.resolve()} has no folder content/", fix="give the project's folder with --project DIR"
        )
    context = Context(load_settings(project))
    if database:
        if context.settings.database_url.startswith("sqlite"):
            migrate(context.engine)  # one author, one file: nothing to coordinate
        else:
            require_current(context.engine)
    return context


def offer(context: Context, due: Sequence[Due]) -> None:
    """Enqueue what a use case returned. Where the queue is away, the clock finds it again within seconds."""
    if not context.settings.redis_url:
        return
    enqueue_hints(JobQueue(context.settings.redis_url), due, window=fresh_window())


def print_json(value: Any) -> None:
    """One JSON value on standard output, instants in ISO form."""
    print(json.dumps(value, ensure_ascii=False, default=_plain_value, indent=2 if sys.stdout.isatty() else None))


def local(at: datetime | None, zone: str) -> str:
    """An instant as the author's clock shows it, with the zone's name."""
    return "" if at is None else f"{wall_time(at, zone):%a %d %b %Y %H:%M} ({zone})"


def table(*columns: str) -> Table:
    """A table with these columns; those whose name starts with `#` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        made.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left")
    return made


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise BroadsheetError(f"a {type(value).__name__} cannot be printed as JSON")
