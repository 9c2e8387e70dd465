"""The demo: everything on this machine, with invented readers, through the real processes and the mailroom.

It makes a project folder like an author's own (content, emails, .env, database), so every other command works on it.
The steps are in worker/cli/demo_steps.py; this module is the command and what it prints.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from worker.cli.demo_steps import Demo
from worker.cli.shape import HERE, Project, app, err, out, print_json, table
from worker.cli.watching import follow, print_overview
from worker.embedded.supervisor import Supervisor
from worker.errors import UsageError
from worker.usecases.overview import overview


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit when all is done instead of staying up.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    subscribers: Annotated[
        int, typer.Option("--subscribers", min=1, max=200_000, help="How many invented readers.")
    ] = 5_000,
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="An empty folder that keeps the database and messages.jsonl."),
    ] = None,
    project: Project = HERE,
) -> None:
    """Send the sample issue to invented readers: embedded Valkey, SQLite, mailroom, workers, clock and web."""
    said = err if as_json else out
    with _folder(keep) as folder, Supervisor(logs=folder / "logs") as supervisor:
        steps = Demo(project.resolve(), folder, subscribers, supervisor)
        began = time.monotonic()
        _play(steps, said, quiet=as_json)
        summary = steps.summary(time.monotonic() - began)
        if as_json:
            print_json(summary)
        else:
            _show(steps, summary)
        if not once:
            _links(steps, said)
            supervisor.wait()
            said.print("Stopping.")
    if not steps.complete(summary):
        raise typer.Exit(1)


def _play(steps: Demo, said: Console, *, quiet: bool) -> None:
    said.print(f"Inventing {steps.subscribers:,} subscribers and importing them ...")
    steps.import_readers()
    said.print("Starting Valkey, the mailroom, web, two bulk workers, prompt and clock ...")
    steps.start()
    if not quiet:
        _links(steps, said)
    mailing_id = steps.send()
    if quiet:
        steps.await_submitted(mailing_id)
    else:
        follow(steps.context.engine, mailing_id)
    steps.await_finished(mailing_id)
    said.print("A reader brings a friend, and three readers apply to the launch ...")
    steps.refer_and_apply()
    said.print("Turning the clock past the first-referral mail and the launch's reminder ...")
    for followup in steps.turn_clock():
        steps.await_finished(followup)
    steps.await_events()


def _show(steps: Demo, summary: dict[str, Any]) -> None:
    for mailing_id in steps.mailings:
        out.print()
        print_overview(overview(steps.context.engine, mailing_id))
    out.print()
    made = table("what the mailroom saw", "#")
    made.add_row("requests", f"{summary['requests']:,}")
    made.add_row("messages", f"{summary['messages']:,}")
    made.add_row("duplicates", f"{summary['duplicates']:,}")
    made.add_row("seconds in all", f"{summary['seconds']:.1f}")
    out.print(made)


def _links(steps: Demo, said: Console) -> None:
    said.print()
    said.print(f"  inbox      {steps.mailroom_url}/", soft_wrap=True)
    said.print(
        f"  dashboard  {steps.web_url}/ops/queues   (user {steps.user}, password {steps.password})", soft_wrap=True
    )
    said.print(
        f"  folder     {steps.folder}   (every command works on it: broadsheet status --project ...)", soft_wrap=True
    )
    said.print("  Ctrl-C ends everything.\n")


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise UsageError(
                f"{keep} is not empty", fix="give an empty folder, so that no database is mixed with another"
            )
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-demo-"))
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
