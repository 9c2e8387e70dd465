"""Stopping and going on: pause, resume, cancel. What they do is worker/usecases/control.py's; here is what they say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

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
from worker.domain.mailing import Mailing, MailingStatus
from worker.domain.staging import CUTOFF
from worker.errors import UsageError
from worker.store.engine import writing
from worker.store.installation import Mark, lift_fence
from worker.store.ledger.doubts import set_aside_forgotten
from worker.usecases import control
from worker.usecases.control import Turned
from worker.usecases.overview import find_by_words, overview

Words = Annotated[str, typer.Argument(metavar="SLUG", help="An issue's slug or id, a mailing's key, or its number.")]
Perhaps = Annotated[
    str, typer.Argument(metavar="[SLUG]", help="An issue's slug or id, a mailing's key, or its number.")
]
WHICH = "give a SLUG or --all; `broadsheet status` lists them"


@app.command(short_help="Stop a mailing for now.")
def pause(
    slug: Perhaps = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every mailing there is now; what is scheduled later is not paused.")
    ] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Stop a mailing: nothing more is started. A call in flight is still settled; what waits at SendGrid is taken back."""
    _one_or_all(slug, everything)
    context = open_context(project)
    if everything:
        _tell_all(context, control.pause_all(context.engine), as_json, _paused)
        return
    turned = control.pause(context.engine, find_by_words(context.engine, context.settings.project, slug).id)
    _tell(context, turned, as_json, _paused(turned))


@app.command(short_help="Go on with a paused mailing.")
def resume(
    slug: Perhaps = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every mailing that a person paused; not what was paused for a reason.")
    ] = False,
    after_restore: Annotated[
        bool, typer.Option("--after-restore", help="Take a restored database for the truth and let everything go on.")
    ] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Go on with a paused mailing; with --after-restore, with all of them after a database came back from a backup."""
    if slug or everything or not after_restore:
        _one_or_all(slug, everything)
    context = open_context(project)
    if after_restore:
        _lift(context)
    if everything:
        turned, left = control.resume_all(context.engine)
        _tell_all(context, turned, as_json, _resumed, left)
    elif slug:
        one = control.resume(context.engine, find_by_words(context.engine, context.settings.project, slug).id)
        _tell(context, one, as_json, _resumed(one))


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
    control.refuse_finished(mailing)
    if mailing.status is not MailingStatus.CANCELLED:
        agree(yes, _question(context, mailing), "Nothing was cancelled.")
    turned = control.cancel(context.engine, mailing.id, datetime.now(UTC))
    _tell(context, turned, as_json, _cancelled(turned), _taken_back(turned))


def _one_or_all(slug: str, everything: bool) -> None:
    if bool(slug) == everything:
        raise UsageError("which mailing?" if not slug else "one mailing or all of them?", fix=WHICH)


def _lift(context: Context) -> None:
    with writing(context.engine) as connection:
        Mark(context.settings.path(context.settings.state_dir)).forget(connection)
        held = set_aside_forgotten(connection)
        lift_fence(connection)
    if held:
        say(f"{held:,} batches went out in part at least and are set aside: `broadsheet reconcile`.", console=err)
    say("The fence is lifted: what this database holds as pending will be sent.", console=err)


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


def _paused(turned: Turned) -> str:
    if turned.recalling:
        return f"is being taken back from SendGrid {'and' if turned.done else 'already and'} will be paused"
    if not turned.done:
        return "was paused already"
    in_call = turned.states[DeliveryState.SUBMITTING]
    return f"is paused; {in_call:,} messages are in a call right now, which will be settled" if in_call else "is paused"


def _resumed(turned: Turned) -> str:
    if turned.recalling:
        return f"is being taken back from SendGrid and {'then goes on' if turned.done else 'goes on then anyway'}"
    return "goes on" if turned.done else "was not paused"


def _cancelled(turned: Turned) -> str:
    """What cancelling could still take back, and what it could not, as the ledger had it at that moment."""
    states = turned.states
    if turned.recalling:
        return f"is being taken back from SendGrid {'and' if turned.done else 'already and'} will be cancelled"
    said = "is cancelled: " if turned.done else "was cancelled already: "
    if not turned.mailing.audience:
        return said + "nobody gets it"
    said += f"{states[DeliveryState.CANCELLED]:,} messages were taken back"
    if not _gone(states):
        return f"{said}, none had gone out"
    said += f", {states[DeliveryState.SUBMITTED]:,} had been handed over"
    if in_call := states[DeliveryState.SUBMITTING]:
        said += f", {in_call:,} are in a call right now, which will be settled"
    if uncertain := states[DeliveryState.UNCERTAIN]:
        said += f", {uncertain:,} are uncertain (`broadsheet reconcile {turned.mailing.id}`)"
    return said


def _taken_back(turned: Turned) -> dict[str, Any]:
    states = turned.states
    return {
        "taken_back": states[DeliveryState.CANCELLED],
        "handed_over": states[DeliveryState.SUBMITTED],
        "in_call": states[DeliveryState.SUBMITTING],
        "uncertain": states[DeliveryState.UNCERTAIN],
    }


def _gone(states: Any) -> int:
    gone: int = states[DeliveryState.SUBMITTED] + states[DeliveryState.SUBMITTING] + states[DeliveryState.UNCERTAIN]
    return gone


def _tell(context: Context, turned: Turned, as_json: bool, said: str, more: dict[str, Any] | None = None) -> None:
    if turned.due and not offer(context, turned.due):
        tell_queue_is_away()
    seen = overview(context.engine, turned.mailing.id)
    if as_json:
        print_json(as_dict(seen) | {"done": turned.done} | (more or {}))
        return
    say(f"{seen.mailing.key} {said}.")
    print_overview(seen)


def _tell_all(
    context: Context, turned: Sequence[Turned], as_json: bool, said: Any, left: Sequence[Mailing] = ()
) -> None:
    due = [due for one in turned for due in one.due]
    if due and not offer(context, due):
        tell_queue_is_away()
    if as_json:
        rows = [(one.mailing, one.done) for one in turned] + [(one, False) for one in left]
        print_json([{"id": one.id, "key": one.key, "status": one.status, "done": done} for one, done in rows])
        return
    for one in turned:
        say(f"{one.mailing.key} {said(one)}.")
    for mailing in left:
        say(
            f"{mailing.key} stays paused: {mailing.needs_attention}. `broadsheet resume {mailing.id}` if that is mended."
        )
    if not turned and not left:
        say("There is no such mailing.")
