"""The list comes in: importing subscribers. How it leaves is in worker/cli/export_list.py."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from worker.cli.shape import HERE, AsJson, Project, app, err, open_context, say
from worker.context import Context
from worker.errors import UsageError
from worker.usecases.import_chunk import RowReport
from worker.usecases.import_decisions import RowEnd
from worker.usecases.import_mapping import read_mapping
from worker.usecases.import_report import SpooledEnds, free_name, refused_file
from worker.usecases.import_subscribers import ImportOptions, ImportReport, import_subscribers

subscribers = typer.Typer(help="The list of subscribers.", no_args_is_help=True)
app.add_typer(subscribers, name="subscribers")

_SHOWN = 20  # rows of one end on a screen
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "": "JSON Lines"}


@subscribers.command("import", short_help="Import a list from any platform.")
def import_list(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or JSON Lines; - is standard input.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of each row; write nothing.")
    ] = False,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="Which column is which; several, or a file of them."),
    ] = None,
    consent: Annotated[
        str, typer.Option("--consent", metavar="TEXT", help="How you know they agreed, where the file does not say.")
    ] = "",
    refused: Annotated[
        Path | None, typer.Option("--refused", metavar="FILE", help="Where refused rows go; beside FILE otherwise.")
    ] = None,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Import subscribers from Substack, Ghost, Mailchimp, beehiiv, Buttondown, Kit, listmonk, Broadsheet, or any CSV.

    Nobody who left, bounced or complained is brought back. Run it again after a stop: it goes on where it was.
    """
    context = open_context(project)
    if str(file) != "-" and not file.is_file():
        raise UsageError(f"there is no file {file}")
    columns = read_mapping(mapping or [])
    name = "standard input" if str(file) == "-" else file.name
    publication = context.publication
    options = ImportOptions(
        dry_run, columns, consent.strip(), name, publication.slot.zone, publication.referral.milestones
    )
    target = None if dry_run else _refused_target(refused, file)
    with _source(file) as source, SpooledEnds() as ends, _settled_memory():
        report, written, first = _run(context, source, options, target, ends if as_json else None)
        if as_json:
            sys.stdout.writelines(ends.pieces(report, dry_run, written))
        else:
            _tell(report, first, options, written)
    if report.refused:
        raise typer.Exit(1)


def _run(
    context: Context, source: Path, options: ImportOptions, target: Path | None, ends: SpooledEnds | None
) -> tuple[ImportReport, Path | None, dict[RowEnd, list[RowReport]]]:
    first: dict[RowEnd, list[RowReport]] = defaultdict(list)

    def keep(row: RowReport) -> None:
        if ends is not None:
            ends.add(row)
        elif len(first[row.end]) < _SHOWN:
            first[row.end].append(row)

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
    )
    with (
        Progress(*columns, TimeRemainingColumn(), console=err, disable=ends is not None) as bar,
        refused_file(target) as rows,
    ):
        task = bar.add_task("looking" if options.dry_run else "importing", total=1.0, rows=0)
        try:
            report = import_subscribers(
                context.engine,
                source,
                datetime.now(UTC),
                options,
                on_progress=lambda count, share: bar.update(task, completed=share, rows=count),
                on_row=keep,
                on_refused=None if rows is None else rows.add,
            )
        except KeyboardInterrupt:
            kept = "Nothing was written." if options.dry_run else "What was imported stays; run it again to go on."
            say(f"Stopped. {kept}", console=err)
            raise typer.Exit(130) from None
        return report, None if rows is None else rows.finish(), first


def _refused_target(given: Path | None, file: Path) -> Path:
    """Where refused rows go. Looked at before the import, which must not stop in its midst because of it."""
    target = given or free_name(Path("standard-input.csv") if str(file) == "-" else file)
    if target.exists():
        raise UsageError(f"{target} is there already", fix="mend and import it, or name another: --refused FILE")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"{target.parent} cannot be written to", fix="say where refused rows go: --refused FILE")
    return target


@contextmanager
def _settled_memory() -> Iterator[None]:
    """What is loaded by now is left alone by the collector, which walks it again and again otherwise: a tenth of the time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def _source(file: Path) -> Iterator[Path]:
    """The file; what comes on standard input is looked at twice, so it is put on disk first."""
    if str(file) != "-":
        yield file
        return
    with tempfile.NamedTemporaryFile(prefix="broadsheet-import-") as taken:
        shutil.copyfileobj(sys.stdin.buffer, taken)
        taken.flush()
        yield Path(taken.name)


def _tell(
    report: ImportReport, first: dict[RowEnd, list[RowReport]], options: ImportOptions, written: Path | None
) -> None:
    form = report.form
    kind = "our own export" if form.format == "broadsheet" else form.format
    ends = f", lines end with {form.line_ends}" if form.line_ends else ""
    say(f"{options.name}: {kind}, {form.encoding}, {_DELIMITERS[form.delimiter]}{ends}")
    for end in (RowEnd.ADDED, RowEnd.CHANGED) if options.dry_run else ():
        _list(options.name, end, first[end], getattr(report, end))
    for end in (RowEnd.KEPT_BACK, RowEnd.REFUSED):
        _list(options.name, end, first[end], getattr(report, end))
    would = "would be " if options.dry_run else ""
    say(", ".join(f"{would}{end.value.replace('_', ' ')} {getattr(report, end):,}" for end in RowEnd))
    if report.unsaid:
        say(
            f"{report.unsaid:,} of those added stay pending, and get no letter: the file does not say whether they may be"
            ' mailed. If you know, import it again with --consent "how you know".'
        )
    if written is not None:
        say(f"Refused rows are in {written}: mend them there and import that file.")
    if options.dry_run:
        say("Nothing was written.")


def _list(name: str, end: RowEnd, rows: list[RowReport], count: int) -> None:
    for row in rows:
        say(f"  {name}:{row.line}: {end.value.replace('_', ' ')}: {row.address} {row.why}".rstrip(), console=err)
    if count > len(rows):
        say(f"  ... and {count - len(rows):,} more {end.value.replace('_', ' ')}; --json lists them all", console=err)
