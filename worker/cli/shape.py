"""What every command shares: the app, the options --project and --json, and how a context and a table come about."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from worker.config import load_settings
from worker.context import Context
from worker.domain.calendar import wall_time
from worker.embedded.valkey import running_url
from worker.errors import BroadsheetError, UsageError
from worker.queue.connection import JobQueue
from worker.queue.hints import enqueue_hints, fresh_window
from worker.store.schema import migrate, require_current
from worker.usecases.due import Due

MOST_ID = 2**63 - 1  # what either database can number

#: In the order a newcomer meets them: the demo, writing, sending, watching, the list, the machine room.
ORDER = (
    *(
        "demo",
        "new",
        "preview",
        "gallery",
        "check",
        "render",
        "test",
        "send",
        "status",
        "deliveries",
        "pause",
        "resume",
        "cancel",
    ),
    *(
        "diff",
        "correct",
        "reconcile",
        "report",
        "launches",
        "subscribers",
        "signup-form",
        "segments",
        "sequences",
        "referrals",
        "suppressions",
        "doctor",
        "run",
        "web",
        "work",
        "clock",
        "mailroom",
        "migrate",
    ),
)


class _InOrder(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        known = {name: place for place, name in enumerate(ORDER)}
        return sorted(super().list_commands(ctx), key=lambda name: known.get(name, len(known)))


app = typer.Typer(
    name="broadsheet",
    cls=_InOrder,
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
_opened: list[Context] = []
PAPER_WIDTH = 10_000  # where no screen sets a limit, a table is as wide as what it holds

# Text is printed as it is: a title may hold [brackets], and a name may look like an emoji's.
out = Console(highlight=False, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)


def open_context(project: Path, *, database: bool = True) -> Context:
    """The context of a project; with `database`, its schema is checked, and a SQLite file is made where there is none."""
    if not (project / "content").is_dir():
        raise UsageError(
            f"{project.resolve()} has no folder content/", fix="give the project's folder with --project DIR"
        )
    context = Context(load_settings(project))
    _opened.append(context)
    if database:
        if context.settings.database_url.startswith("sqlite"):
            migrate(context.engine)  # one author, one file: nothing to coordinate
        else:
            require_current(context.engine)
    return context


def close_contexts() -> None:
    """Close the connections of every context a command opened; called when it ends, however it ends."""
    while _opened:
        if engine := vars(_opened.pop()).get("engine"):  # only if it was opened
            engine.dispose()


def offer(context: Context, due: Sequence[Due]) -> bool:
    """Enqueue what a use case returned; False where no queue could be reached.

    Nothing is lost then: the clock finds it again within seconds of being started. Without REDIS_URL this is the
    embedded Valkey of a `broadsheet run` for the same project, if one is up.
    """
    settings = context.settings
    url = settings.redis_url or running_url(settings.path(settings.state_dir) / "valkey")
    if not url:
        return False
    logging.getLogger("broadsheet.queue").setLevel(logging.ERROR)  # the command says it in its own words
    wanted = sum(one.lanes for one in due)
    return enqueue_hints(JobQueue(url), due, window=fresh_window()) == wanted


def tell_queue_is_away() -> None:
    """What an author should know when `offer` found no queue."""
    say("No queue can be reached now. Nothing is lost: it goes as soon as `broadsheet run` is up.", console=err)


def agree(yes: bool, question: str, refusal: str) -> None:
    """Ask before what cannot be undone; `refusal` says what a no means. Where nobody can be asked, --yes is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to ask", fix="add --yes to go on without asking")
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:  # Ctrl-C or Ctrl-D
        say(f"\n{refusal}", console=err)
        raise typer.Exit(130) from None
    if not agreed:
        say(refusal, console=err)
        raise typer.Exit(1)


def print_json(value: Any) -> None:
    """One JSON value on standard output, instants in ISO form."""
    print(json.dumps(value, ensure_ascii=False, default=_plain_value, indent=2 if sys.stdout.isatty() else None))


def local(at: datetime | None, zone: str) -> str:
    """An instant as the author's clock shows it, with the zone's name."""
    return "" if at is None else f"{wall_time(at, zone):%a %d %b %Y %H:%M} ({zone})"


def short(at: datetime | None, zone: str) -> str:
    """The same in a table, where the zone is named once."""
    return "" if at is None else f"{wall_time(at, zone):%d %b %Y %H:%M}"


def brief(at: datetime | None, zone: str) -> str:
    """The same without its year, for what lies days back and not years."""
    return "" if at is None else f"{wall_time(at, zone):%d %b %H:%M}"


def say(*parts: str | tuple[str, str], console: Console = out) -> None:
    """One paragraph, of plain parts and (words, style): wrapped between words on a screen, one line anywhere else."""
    console.print(Text.assemble(*parts), soft_wrap=not console.is_terminal)


def table(*columns: str) -> Table:
    """A table with these columns; `#` before a name is for numbers, `!` for what is shown whole however narrow it gets."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(
            Text(column.lstrip("#!")),
            justify="right" if column.startswith("#") else "left",
            no_wrap=column[0] in "#!",
            overflow="fold",
        )
    return made


def show(made: Table) -> None:
    """Print a table: folded to fit a screen, and one line a row where it goes to a file or a pipe."""
    page = out if out.is_terminal else Console(width=PAPER_WIDTH, highlight=False, markup=False, emoji=False)
    page.print(made)


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise BroadsheetError(f"a {type(value).__name__} cannot be printed as JSON")
