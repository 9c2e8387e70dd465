"""`broadsheet doctor`: what may be wrong with this installation and its account, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.shape import HERE, AsJson, Project, agree, app, open_context, print_json, say
from worker.context import Context
from worker.domain.diagnosis import Diagnosis, Health, problem, well
from worker.domain.publication import Publication
from worker.embedded.valkey import running_url
from worker.errors import BroadsheetError, SettingsError, UsageError
from worker.providers.sendgrid_answers import safe_reason
from worker.queue.look import look_at_redis
from worker.store.installation import Mark
from worker.usecases.check_received import check_received
from worker.usecases.doctor_account import examine_account, examine_webhook_key
from worker.usecases.doctor_leftovers import Leftovers
from worker.usecases.doctor_live import examine_live, make_live_submission
from worker.usecases.doctor_machine import examine_database, examine_settings, examine_state, judge_redis
from worker.usecases.read_cells import read_address

_COLOURS = {Health.WELL: "green", Health.NOTE: "cyan", Health.WARNING: "yellow", Health.PROBLEM: "bold red"}


@app.command(short_help="What is wrong with this installation, and what to do.")
def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask SendGrid nothing.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Try the real account, with two mails to --to.")] = False,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Where --live sends: an address of yours.")] = "",
    received: Annotated[
        Path | None, typer.Option("--received", metavar="RAW.eml", help="Read a mail that arrived, saved whole.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --live sends.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Look at settings, key, sender, webhook, Redis, database and clock; exit code 1 if there is a problem.

    No line holds an address or a key, so that all of it can be pasted into a report.
    """
    if received is not None:
        if live or offline:
            raise UsageError("--received reads one file and looks at nothing else", fix="leave the other options away")
        _tell(check_received(_bytes(received), base_url=_base_url(project)), as_json)
        return
    if live and offline:
        raise UsageError("--live asks SendGrid, --offline does not", fix="choose one")
    if live != bool(to):
        raise UsageError("--live and --to ADDRESS belong together", fix="broadsheet doctor --live --to me@example.com")
    context = open_context(project, database=False)
    if live:
        _tell(_live(context, _address(to), yes), as_json)
    else:
        _tell(_examine(context, offline), as_json)


def _examine(context: Context, offline: bool) -> Iterator[Diagnosis]:
    settings = context.settings
    now = datetime.now(UTC)
    publication, found = _publication(context)
    yield found
    yield from examine_settings(
        secret_key=settings.secret_key.get_secret_value(),
        base_url=settings.base_url,
        api_url=settings.sendgrid_api_url,
        ops_password=settings.ops_password.get_secret_value(),
        alert_address=settings.alert_address,
        sandbox=settings.sendgrid_sandbox,
    )
    state = settings.path(settings.state_dir)
    yield examine_state(state)
    yield from _database(context, now)
    yield from _redis(context)
    if offline:
        yield from examine_webhook_key(settings.sendgrid_webhook_public_key)
        return
    yield from _account(context, publication, now)


def _account(context: Context, publication: Publication | None, now: datetime) -> Iterator[Diagnosis]:
    settings = context.settings
    try:
        account, scheduler = context.account, context.scheduler
    except SettingsError as wrong:
        yield problem("API key", "; ".join(wrong.problems), "make a key with the Mail Send scope at SendGrid")
        yield from examine_webhook_key(settings.sendgrid_webhook_public_key)
        return
    yield from examine_account(
        account,
        publication,
        public_key=settings.sendgrid_webhook_public_key,
        base_url=settings.base_url,
        now=now,
    )
    yield from Leftovers(settings.path(settings.state_dir)).free(scheduler, now)


def _live(context: Context, to: str, yes: bool) -> Iterator[Diagnosis]:
    settings = context.settings
    settings.require("sendgrid_api_key")
    if settings.sendgrid_sandbox:
        raise UsageError("SENDGRID_SANDBOX is on, so nothing would be sent", fix="turn it off for this command")
    agree(
        yes,
        "Post two mails to that address (one at once, one scheduled and taken back)? They count against the account.",
        "Nothing was sent.",
    )
    publication = context.publication
    now = datetime.now(UTC)
    yield from _account(context, publication, now)
    submission = make_live_submission(publication, to=to, base_url=settings.base_url)
    leftovers = Leftovers(settings.path(settings.state_dir))
    yield from examine_live(context.account, context.scheduler, submission, leftovers, now)


def _publication(context: Context) -> tuple[Publication | None, Diagnosis]:
    try:
        found = context.publication
    except BroadsheetError as wrong:
        # The author's own line may be quoted, and it may be the one with the address.
        return None, problem("publication", safe_reason(wrong.what), safe_reason(wrong.fix))
    return found, well("publication", "content/publication.toml can be read")


def _database(context: Context, now: datetime) -> Iterator[Diagnosis]:
    settings = context.settings
    path = settings.absolute_database_url.removeprefix("sqlite:///")
    if path != settings.absolute_database_url and not Path(path).exists():
        yield problem("database", "there is none yet", "run `broadsheet migrate`, or any command that uses it")
        return
    try:
        engine = context.engine
    except SettingsError as wrong:
        yield problem("database", "; ".join(wrong.problems), "set DATABASE_URL in .env")
        return
    yield from examine_database(engine, Mark(settings.path(settings.state_dir)), now)


def _redis(context: Context) -> Iterator[Diagnosis]:
    settings = context.settings
    url = settings.redis_url or running_url(settings.path(settings.state_dir) / "valkey")
    if not url:
        yield from judge_redis(False, "nothing listens")
        return
    try:
        seen = look_at_redis(url)
    except SettingsError as wrong:
        yield problem("redis", "; ".join(wrong.problems), "set REDIS_URL in .env")
        return
    if isinstance(seen, str):
        yield from judge_redis(bool(settings.redis_url), seen)
    else:
        yield from judge_redis(True, None, policy=seen.policy, persistent=seen.persistent, version=seen.version)


def _tell(found: Iterable[Diagnosis], as_json: bool) -> None:
    """Each as it comes, since a live look takes a while."""
    seen: list[Diagnosis] = []
    for one in found:
        seen.append(one)
        if not as_json:
            say((f"{one.health.value:>7}", _COLOURS[one.health]), f"  {one.check}: {one.what}")
            if one.fix:
                say(f"           fix: {one.fix}" if one.health is not Health.NOTE else f"           next: {one.fix}")
    problems = sum(one.health is Health.PROBLEM for one in seen)
    if as_json:
        print_json([asdict(one) for one in seen])
    else:
        warnings = sum(one.health is Health.WARNING for one in seen)
        say(f"{problems} problem{'' if problems == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}.")
    if problems:
        raise typer.Exit(1)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as wrong:
        raise UsageError(f"--received: {path}: {wrong.strerror}", fix="give a mail saved as a file") from None


def _base_url(project: Path) -> str:
    """Ours, where this runs in a project; a received mail can be read without one."""
    return open_context(project, database=False).settings.base_url if (project / "content").is_dir() else ""


def _address(to: str) -> str:
    try:
        return read_address(to.strip())
    except ValueError as wrong:
        raise UsageError(f"--to: {wrong}", fix="write one address, such as me@example.com") from None
