"""Stopping and going on: pause, resume, cancel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from worker.cli.shape import (
    HERE,
    AsJson,
    Project,
    agree,
    app,
    err,
    offer,
    open_context,
    print_json,
    say,
    tell_queue_is_away,
)
from worker.cli.watching import as_dict, print_overview
from worker.context import Context
from worker.domain.delivery import DeliveryState
from worker.domain.mailing import Mailing, MailingStatus, Queue
from worker.domain.staging import CUTOFF
from worker.errors import UsageError
from worker.store.engine import writing
from worker.store.installation import Mark, lift_fence
from worker.store.ledger.doubts import set_aside_forgotten
from worker.store.ledger.mailings import cancel_mailing, pause_mailing, resume_mailing
from worker.usecases.due import Due
from worker.usecases.overview import find_by_words, overview

Words = Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id, a mailing's key, or its number.")]


@app.command(short_help="Stop a mailing for now.")
def pause(slug: Words, project: Project = HERE, as_json: AsJson = False) -> None:
    """Stop a mailing: nothing more is started. A call in flight is still settled; what waits at SendGrid is taken back."""
    context = open_context(project)
    mailing = find_by_words(context.engine, context.settings.project, slug)
    with writing(context.engine) as connection:
        done = pause_mailing(connection, mailing.id)
    if not done and mailing.status is not MailingStatus.PAUSED:
        raise UsageError(f"{slug} is {mailing.status}; there is nothing to pause")
    recalling = _offer_recall(context, mailing.id)
    said = "is being taken back from SendGrid and will be paused" if recalling else "paused"
    _show(context, mailing.id, as_json, said if done else "was paused already")


@app.command(short_help="Go on with a paused mailing.")
def resume(
    slug: Annotated[str, typer.Argument(metavar="[SLUG]", help="Left away only with --after-restore.")] = "",
    after_restore: Annotated[
        bool, typer.Option("--after-restore", help="Take a restored database for the truth and let everything go on.")
    ] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Go on with a paused mailing; with --after-restore, with all of them after a database came back from a backup."""
    context = open_context(project)
    if after_restore:
        with writing(context.engine) as connection:
            Mark(context.settings.path(context.settings.state_dir)).forget(connection)
            held = set_aside_forgotten(connection)
            lift_fence(connection)
        if held:
            say(f"{held:,} batches went out in part at least and are set aside: `broadsheet reconcile`.", console=err)
        say("The fence is lifted: what this database holds as pending will be sent.", console=err)
    if not slug:
        if not after_restore:
            raise UsageError("which mailing?", fix="`broadsheet resume SLUG`; `broadsheet status` lists them")
        return
    mailing = find_by_words(context.engine, context.settings.project, slug)
    with writing(context.engine) as connection:
        done = resume_mailing(connection, mailing.id)
    if done:
        job = "stage_mailing" if mailing.stage_at else "submit_batches"
        job = job if mailing.planned_at else "plan_mailing"
        if not offer(context, [Due(job, mailing.id, mailing.rules.queue)]):
            tell_queue_is_away()
    elif mailing.status in (MailingStatus.FINISHED, MailingStatus.CANCELLED):
        raise UsageError(f"{slug} is {mailing.status}; there is nothing to resume")
    _show(context, mailing.id, as_json, "goes on" if done else "was not paused")


@app.command(short_help="Take back what has not been handed over.")
def cancel(
    slug: Words,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Take back whatever has not been handed over, and say exactly what that is."""
    context = open_context(project)
    mailing = find_by_words(context.engine, context.settings.project, slug)
    if mailing.status is MailingStatus.FINISHED:
        raise UsageError(f"{slug} is finished: every message was handed over, nothing can be taken back")
    if mailing.status is not MailingStatus.CANCELLED:
        agree(yes, _question(context, mailing), "Nothing was cancelled.")
    with writing(context.engine) as connection:
        done = cancel_mailing(connection, mailing.id, datetime.now(UTC))
    if _offer_recall(context, mailing.id):
        said = "is being taken back from SendGrid and will be cancelled: nobody gets it"
    else:
        said = _cancelled(context, mailing.id) if done else "was cancelled already"
    _show(context, mailing.id, as_json, said)


def _offer_recall(context: Context, mailing_id: int) -> bool:
    """Ask SendGrid at once, where the mailing is now being taken back; whether it is."""
    mailing = overview(context.engine, mailing_id).mailing
    if mailing.status is not MailingStatus.RECALLING:
        return False
    if not offer(context, [Due("recall_mailing", mailing_id, Queue.PROMPT)]):
        tell_queue_is_away()
    return True


def _question(context: Context, mailing: Mailing) -> str:
    if mailing.planned_at is None:
        return "Cancel it? Nothing has been handed over yet."
    states = overview(context.engine, mailing.id).whole.by_state
    if mailing.status is MailingStatus.STAGED and mailing.send_at - CUTOFF > datetime.now(UTC):
        return f"Take back all {mailing.audience:,} messages? {_gone(states):,} wait at SendGrid and have not gone out."
    back = states[DeliveryState.PENDING] + states[DeliveryState.CLAIMED]
    return (
        f"Take back {back:,} of {mailing.audience:,} messages? {_gone(states):,} were handed over or are on their way."
    )


def _cancelled(context: Context, mailing_id: int) -> str:
    """What cancelling could still take back, and what it could not, as the ledger has it afterwards."""
    states = overview(context.engine, mailing_id).whole.by_state
    if not sum(states.values()):
        return "is cancelled: nobody gets it"
    said = f"is cancelled: {states[DeliveryState.CANCELLED]:,} messages were taken back"
    gone = _gone(states)
    return f"{said}, {gone:,} had been handed over or were on their way" if gone else f"{said}, none had gone out"


def _gone(states: dict[DeliveryState, int]) -> int:
    return states[DeliveryState.SUBMITTED] + states[DeliveryState.SUBMITTING] + states[DeliveryState.UNCERTAIN]


def _show(context: Context, mailing_id: int, as_json: bool, said: str) -> None:
    seen = overview(context.engine, mailing_id)
    if as_json:
        print_json(as_dict(seen))
    else:
        say(f"{seen.mailing.key} {said}.")
        print_overview(seen)
