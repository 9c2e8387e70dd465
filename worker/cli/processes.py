"""The processes of the Procfile (web, work, clock), the local mailroom, `migrate`, and `run`, which starts them all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.shape import HERE, Project, app, open_context, out
from worker.config import load_settings
from worker.domain.mailing import Queue
from worker.embedded.supervisor import Supervisor
from worker.embedded.valkey import start_valkey
from worker.logs import configure
from worker.mailroom.options import MailroomOptions
from worker.store.schema import migrate as bring_up_to_date

BROADSHEET = (sys.executable, "-m", "worker.cli")


@app.command(short_help="Bring the database up to date.")
def migrate(project: Project = HERE) -> None:
    """Bring the database to the schema of this version."""
    context = open_context(project, database=False)
    bring_up_to_date(context.engine)
    out.print("The database is up to date.")


@app.command(short_help="Start all processes here, with an embedded queue.")
def run(project: Project = HERE) -> None:
    """Start web, bulk, prompt and clock, and an embedded Valkey where REDIS_URL is empty. Ctrl-C ends them all."""
    context = open_context(project)
    settings = context.settings
    settings.require("secret_key", "sendgrid_api_key")
    env = {"BROADSHEET_PROJECT": str(settings.project)}
    with Supervisor() as supervisor:
        if not settings.redis_url:
            env["REDIS_URL"] = start_valkey(supervisor, settings.path(settings.state_dir) / "valkey")
        start_processes(supervisor, env, settings.bulk_workers)
        out.print(f"Broadsheet runs at {settings.base_url}; Ctrl-C ends it.")
        supervisor.wait()


def start_processes(supervisor: Supervisor, env: dict[str, str], bulk_workers: int) -> None:
    """Start every process of the Procfile; one that dies is started again."""
    supervisor.start("web", [*BROADSHEET, "web"], env, restart=True)
    for number in range(1, bulk_workers + 1):
        supervisor.start(f"bulk.{number}", [*BROADSHEET, "work", "bulk"], env, restart=True)
    supervisor.start("prompt", [*BROADSHEET, "work", "prompt"], env, restart=True)
    supervisor.start("clock", [*BROADSHEET, "clock"], env, restart=True)


@app.command(short_help="Run one worker on one queue.")
def work(
    queue: Annotated[Queue, typer.Argument(metavar="QUEUE", help="bulk (broadcasts) or prompt (everything else).")],
    project: Project = HERE,
) -> None:
    """Run one worker on one queue."""
    from worker import jobs
    from worker.queue.rq_worker import work as run_worker

    settings = load_settings(project)
    settings.require("redis_url", "sendgrid_api_key", "secret_key")
    os.environ["BROADSHEET_PROJECT"] = str(settings.project)
    configure(settings.log_level)
    run_worker(queue, settings.redis_url, preload=jobs.preload)


@app.command(short_help="Run the clock, which finds what is due.")
def clock(project: Project = HERE) -> None:
    """Run the clock: every few seconds it looks for what is due. Any number may run; one ticks."""
    from worker.clock import run_clock

    context = open_context(project)
    context.settings.require("redis_url")
    configure(context.settings.log_level)
    run_clock(context)


@app.command(short_help="Run the web process: events, reader pages, dashboard.")
def web(
    project: Project = HERE,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65_535, help="Instead of PORT or WEB_PORT.", envvar="PORT")
    ] = None,
) -> None:
    """Run the web process: events in, unsubscribe pages, the queue dashboard."""
    from worker.web.server import serve

    context = open_context(project)
    configure(context.settings.log_level)
    serve(context, port)


@app.command(short_help="Run the local stand-in for SendGrid.")
def mailroom(
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 takes any free one.")] = 8026,
    latency: Annotated[float, typer.Option("--latency", min=0, max=3_600, help="Seconds before each answer.")] = 0.0,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder for messages.jsonl; without it, they are only counted.")
    ] = None,
    events_url: Annotated[str, typer.Option("--events-url", help="Where signed events are posted.")] = "",
    private_key: Annotated[Path | None, typer.Option("--private-key", help="PEM file that signs events.")] = None,
) -> None:
    """Run the mailroom: a local stand-in for SendGrid, with its rules and an inbox to look at."""
    from worker.mailroom.server import serve

    key = os.environ.get("SENDGRID_API_KEY", "")
    serve(
        MailroomOptions(
            port=port,
            latency_seconds=latency,
            keep=keep,
            events_url=events_url,
            private_key=private_key,
            api_keys=(key,) if key else (),
        )
    )
