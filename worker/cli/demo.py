"""The demo: everything on this machine, with invented readers, through the real processes and the mailroom.

It makes a project folder like an author's own (content, emails, .env, database), so every other command works on it.
The steps are in worker/cli/demo_steps.py; this module is the command and what it prints.
"""

from __future__ import annotations

import shlex
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
from worker.cli.following import follow
from worker.cli.shape import HERE, Project, app, err, out, print_json, say
from worker.cli.watching import print_overview
from worker.embedded.supervisor import Supervisor
from worker.errors import UsageError
from worker.usecases.overview import overview


@app.command(short_help="Everything at once, on this machine, with invented readers.")
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
    _require_source(project)
    said = err if as_json else out
    with _folder(keep) as folder, Supervisor(logs=folder / "logs") as supervisor:
        steps = Demo(project.resolve(), folder, subscribers, supervisor)
        began = time.monotonic()
        _play(steps, said)
        summary = steps.summary(time.monotonic() - began)
        complete = steps.complete(summary)
        if as_json:
            print_json(summary)
        else:
            _show(steps, summary, complete=complete)
        if not once:
            _links(steps, said, stays=True)
            supervisor.wait()
            said.print("\nStopping.")
    if not complete:
        raise typer.Exit(1)


def _play(steps: Demo, said: Console) -> None:
    said.print(f"Inventing {_readers(steps.subscribers)} and importing the list ...")
    steps.import_readers()
    said.print("Starting Valkey, the mailroom, web, two bulk workers, prompt and clock ...")
    steps.start()
    if said.is_terminal:
        _links(steps, said, stays=False)
    mailing_id = steps.send()
    say(f"Sending “{steps.title}”, a free and a paid edition ...", console=said)
    follow(steps.context.engine, mailing_id, said)
    steps.await_finished(mailing_id)
    said.print("A reader brings a friend, and others apply to the launch ...")
    steps.refer_and_apply()
    said.print("Turning the clock past the first-referral mail and the launch's reminder ...")
    for followup in steps.turn_clock():
        steps.await_finished(followup)
    steps.await_events()


def _show(steps: Demo, summary: dict[str, Any], *, complete: bool) -> None:
    for mailing_id in steps.mailings:
        out.print()
        print_overview(overview(steps.context.engine, mailing_id))
    out.print()
    say(
        f"The mailroom took {summary['messages']:,} messages in {summary['requests']:,} requests; "
        f"{summary['duplicates']:,} were duplicates. {summary['seconds']:.1f} s in all."
    )
    if complete:
        say(("Everybody owed a message got it, once.", "bold green"))
    else:
        say(("Something is not as it should be: the tables above say what.", "bold red"))


def _links(steps: Demo, said: Console, *, stays: bool) -> None:
    where = shlex.quote(str(steps.folder))
    said.print()
    said.print(f"  inbox    {steps.mailroom_url}/  (every message, as its reader gets it)", soft_wrap=True)
    said.print(f"  sign up  {steps.web_url}/subscribe", soft_wrap=True)
    said.print(f"  queues   {steps.web_url}/ops/queues  (user {steps.user}, password {steps.password})", soft_wrap=True)
    said.print(f"  project  {where}", soft_wrap=True)
    if stays:
        said.print(f"           broadsheet status --project {where}", soft_wrap=True)
        said.print("\n  Everything stays up until Ctrl-C.")
    else:
        said.print()


def _readers(number: int) -> str:
    return "one reader" if number == 1 else f"{number:,} readers"


def _require_source(project: Path) -> None:
    for part in ("content", "emails"):
        if not (project / part).is_dir():
            raise UsageError(
                f"{project.resolve()} has no folder {part}/, which the demo copies",
                fix="run it in Broadsheet's own folder, or name a project with --project DIR",
            )


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise UsageError(
                f"{keep} is not an empty folder",
                fix="give an empty or a new one, so that no database is mixed with another",
            )
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-demo-"))
    try:
        yield folder.resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
